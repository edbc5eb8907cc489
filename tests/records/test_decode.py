from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.records.logic.decode import PREVIEW_CHARACTERS, SHOWN_BYTES, Format, show


@pytest.mark.parametrize(
    ("data", "expected", "preview"),
    [
        (None, Format.NULL, "null"),
        (b"", Format.EMPTY, ""),
        (b"hello", Format.TEXT, "hello"),
        (b'{"a": 1}', Format.JSON, '{"a": 1}'),
        (b"[1,2]", Format.JSON, "[1,2]"),
        (b"{broken", Format.TEXT, "{broken"),
        ("grün".encode(), Format.TEXT, "grün"),
        (b"\x00\x00\x00\x00\x01abc", Format.BINARY, "00 00 00 00 01 61 62 63"),
        (b"\xff\xfe", Format.BINARY, "ff fe"),
        (b"42", Format.TEXT, "42"),
        (b"two\nlines", Format.TEXT, "two lines"),
    ],
)
def test_bytes_are_shown_as_what_they_are(data: bytes | None, expected: Format, preview: str) -> None:
    shown = show(data)
    assert (shown.format, shown.preview) == (expected, preview)


def test_a_large_value_is_cut_and_says_its_size() -> None:
    shown = show(b"x" * (SHOWN_BYTES + 5))
    assert shown.cut
    assert shown.size == SHOWN_BYTES + 5
    assert len(shown.full) == SHOWN_BYTES


def test_a_cut_inside_a_character_is_still_text() -> None:
    shown = show(("a" * (SHOWN_BYTES - 1) + "ü").encode(), size=10_000_000)
    assert shown.format is Format.TEXT
    assert shown.size == 10_000_000


def test_deeply_nested_json_does_not_break_the_page() -> None:
    assert show(b"[" * 50_000).format in (Format.TEXT, Format.JSON)


@given(st.binary(max_size=2000))
def test_any_bytes_can_be_shown(data: bytes) -> None:
    shown = show(data)
    assert shown.size == len(data)
    assert len(shown.preview) <= PREVIEW_CHARACTERS
