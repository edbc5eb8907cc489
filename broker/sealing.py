"""Secrets at rest: AES-256-GCM, bound to where they are stored, under keys that can be rotated. Pure but for `load`.

The text is `k1:<key id>:<base64(nonce + ciphertext + tag)>`. The context (`table:pk:field`, `pki:<cluster>:<file>`) is
authenticated but not stored: a ciphertext that was moved elsewhere does not decrypt.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.errors import BundledError
from broker.paths import made_once

FORMAT = "k1"
NONCE_BYTES = 12
KEY_BYTES = 32
KEY_FILE = "field-key"


class Unsealable(BundledError):
    """A sealed text cannot be opened."""


def new_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def key_id(key: bytes) -> str:
    return hashlib.sha256(b"kastellan-key-id:" + key).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class Keyring:
    """`current` encrypts; all decrypt."""

    current: str
    keys: Mapping[str, bytes]

    @classmethod
    def parse(cls, lines: str) -> Keyring:
        """One key per line, the newest first."""
        decoded = [base64.urlsafe_b64decode(line.strip()) for line in lines.splitlines() if line.strip()]
        if not decoded or any(len(key) != KEY_BYTES for key in decoded):
            raise ValueError("each line is one key of 32 bytes in base64")
        return cls(key_id(decoded[0]), {key_id(key): key for key in decoded})

    def encrypt(self, text: str, context: str) -> str:
        nonce = os.urandom(NONCE_BYTES)
        sealed = AESGCM(self.keys[self.current]).encrypt(nonce, text.encode(), context.encode())
        return f"{FORMAT}:{self.current}:{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def decrypt(self, stored: str, context: str) -> str:
        version, _, rest = stored.partition(":")
        used, _, payload = rest.partition(":")
        if version != FORMAT or not payload:
            raise Unsealable("A stored secret is not in a known form")
        key = self.keys.get(used)
        if key is None:
            raise Unsealable(
                f"A stored secret needs the key {used}, which is not in secrets/{KEY_FILE}",
                "Restore the key file that belongs to this data directory.",
            )
        try:
            raw = base64.urlsafe_b64decode(payload)
            return AESGCM(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], context.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise Unsealable(
                "A stored secret does not belong where it was found, or was changed",
                "Somebody wrote to the database or the file by hand. Enter the secret again, or restore the file.",
            ) from error

    def with_new(self) -> str:
        """The file's text with one more key, which encrypts from now on."""
        return "\n".join((new_key(), self.text()))

    def text(self, *, only_current: bool = False) -> str:
        """What `parse` reads: the current key first."""
        others = [] if only_current else [name for name in self.keys if name != self.current]
        return "\n".join(
            base64.urlsafe_b64encode(self.keys[name]).decode() for name in (self.current, *others)
        )

    def needs_rotation(self, stored: str) -> bool:
        return not stored.startswith(f"{FORMAT}:{self.current}:")

    def rotate(self, stored: str, context: str) -> str:
        return self.encrypt(self.decrypt(stored, context), context) if self.needs_rotation(stored) else stored


def load(path: Path) -> Keyring:
    """The keys in `path`, of which the first is made at first use."""
    return Keyring.parse(made_once(path, new_key))
