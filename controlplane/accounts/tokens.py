"""The text form of API tokens: `kst_<8 prefix>_<43 secret>_<6 checksum>`. Pure but for the random bits.

The secret has 256 random bits, so a plain SHA-256 is enough at rest. The checksum lets secret scanners and typing
errors be told apart from tokens without asking the database.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib
from dataclasses import dataclass

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SHAPE = re.compile(r"^kst_([0-9a-z]{8})_([0-9A-Za-z_-]{43})_([0-9A-Za-z]{6})$")
PREFIX_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class NewToken:
    text: str
    prefix: str
    digest: str


def generate() -> NewToken:
    prefix = "".join(secrets.choice(PREFIX_ALPHABET) for _ in range(8))
    body = f"kst_{prefix}_{secrets.token_urlsafe(32)}"
    text = f"{body}_{checksum(body)}"
    return NewToken(text, prefix, digest(text))


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def checksum(body: str) -> str:
    number, out = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, index = divmod(number, 62)
        out = BASE62[index] + out
    return out


def prefix_of(text: str) -> str | None:
    """The prefix of a well-formed token, else None: wrong shape and wrong checksum never reach the database."""
    found = SHAPE.match(text)
    if found is None or checksum(text.rpartition("_")[0]) != found[3]:
        return None
    return found[1]
