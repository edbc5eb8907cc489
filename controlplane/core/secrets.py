"""Secrets in columns: sealed by `broker.sealing` under the installation's keys, bound to table, row and field."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from django.conf import settings

from controlplane.core.env import generated_secret
from controlplane.core.errors import AppError
from controlplane.gateways.broker import sealing

__all__ = ["Keyring", "SecretUnreadable", "context_for", "decrypt", "encrypt", "keyring", "new_key"]

new_key = sealing.new_key


class SecretUnreadable(AppError):
    code = "secret_unreadable"
    title = "A stored secret cannot be read"


def context_for(table: str, pk: object, field: str) -> str:
    return f"{table}:{pk}:{field}"


class Keyring(sealing.Keyring):
    """`broker.sealing`'s, failing as an `AppError`."""

    @classmethod
    def parse(cls, lines: str) -> Keyring:
        found = sealing.Keyring.parse(lines)
        return cls(found.current, found.keys)

    def decrypt(self, stored: str, context: str) -> str:
        try:
            return super().decrypt(stored, context)
        except sealing.Unsealable as error:
            raise SecretUnreadable(error.what, error.hint) from error


def keyring() -> Keyring:
    return _load(Path(settings.FIELD_KEYS_FILE))


def encrypt(text: str, *, context: str) -> str:
    return keyring().encrypt(text, context)


def decrypt(stored: str, *, context: str) -> str:
    return keyring().decrypt(stored, context)


def forget_keyring() -> None:
    """After the key file has changed: rotation, tests."""
    _load.cache_clear()


@lru_cache(maxsize=4)
def _load(path: Path) -> Keyring:
    return Keyring.parse(generated_secret(path, new_key))
