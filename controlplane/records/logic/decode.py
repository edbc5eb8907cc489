"""Bytes as a person can read them: JSON, text, or hex; large values are cut on the server, never in the browser.

Nothing is guessed silently: the view carries the format that was recognised and the full size in bytes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum

PREVIEW_CHARACTERS = 160
SHOWN_BYTES = 64 * 1024
HEX_BYTES = 512


class Format(StrEnum):
    NULL = "null"
    EMPTY = "empty"
    JSON = "json"
    TEXT = "text"
    BINARY = "binary"


@dataclass(frozen=True, slots=True)
class Shown:
    """`preview` is one line for the table; `full` what the opened row shows; `size` counts bytes."""

    format: Format
    preview: str
    full: str
    size: int
    cut: bool = False


def show(data: bytes | None, *, size: int | None = None) -> Shown:
    """`size` is the original size where `data` itself was cut by the gateway."""
    if data is None:
        return Shown(Format.NULL, "null", "", 0)
    whole = size if size is not None else len(data)
    if not data:
        return Shown(Format.EMPTY, "", "", whole)
    cut = whole > SHOWN_BYTES or whole > len(data)
    text = _as_text(data[:SHOWN_BYTES], cut=cut)
    if text is None:
        return Shown(Format.BINARY, data[:40].hex(" "), _hex_dump(data), whole, whole > HEX_BYTES)
    if not cut and (pretty := _as_json(text)) is not None:
        return Shown(Format.JSON, _one_line(text), pretty, whole)
    return Shown(Format.TEXT, _one_line(text), text, whole, cut)


def _as_text(data: bytes, *, cut: bool) -> str | None:
    for back in range(4 if cut else 1):  # a cut may fall inside a UTF-8 sequence of up to four bytes
        try:
            text = data[: len(data) - back].decode("utf-8")
        except UnicodeDecodeError:
            continue
        # NUL and other control characters mean a binary format that happens to be valid UTF-8.
        return None if any(c < " " and c not in "\t\n\r\f\b\x1b" for c in text) else text
    return None


def _as_json(text: str) -> str | None:
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return None


def _one_line(text: str) -> str:
    flat = " ".join(text[: PREVIEW_CHARACTERS * 2].split())
    return flat if len(flat) <= PREVIEW_CHARACTERS else flat[: PREVIEW_CHARACTERS - 1] + "…"


def _hex_dump(data: bytes) -> str:
    lines = []
    for start in range(0, min(len(data), HEX_BYTES), 16):
        row = data[start : start + 16]
        letters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{start:08x}  {row.hex(' '):<47}  {letters}")
    return "\n".join(lines)
