"""Secrets in columns: sealed by `broker.sealing` under the installation's keys, bound to table, row and field.

The keys are in a file, the newest first. Whoever keeps secrets in columns registers with `RESEALERS` what seals them anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.db import connection, models, transaction

from controlplane.core.env import generated_secret
from controlplane.core.errors import AppError
from controlplane.gateways.broker import sealing, write_if_changed

__all__ = ["Keyring", "SecretUnreadable", "context_for", "decrypt", "encrypt", "keyring", "new_key"]

new_key = sealing.new_key
BATCH = 500


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
    """As the file is now: keys are rotated while processes run."""
    path = Path(settings.FIELD_KEYS_FILE)
    return _load(path, path.stat().st_mtime_ns if path.exists() else 0)


def encrypt(text: str, *, context: str) -> str:
    return keyring().encrypt(text, context)


def decrypt(stored: str, *, context: str) -> str:
    return keyring().decrypt(stored, context)


@lru_cache(maxsize=4)
def _load(path: Path, changed: int) -> Keyring:
    return Keyring.parse(generated_secret(path, new_key))


# --- Rotation ---------------------------------------------------------------------------------------------------------
class Resealed:
    """How many secrets were sealed anew, and which could not be read under any key."""

    def __init__(self) -> None:
        self.changed = 0
        self.unreadable: list[str] = []

    def anew(self, ring: Keyring, stored: str, context: str) -> str:
        """As it is where nothing has to be done, or can be."""
        if not stored or not ring.needs_rotation(stored):
            return stored
        try:
            return ring.rotate(stored, context)
        except SecretUnreadable:
            self.unreadable.append(context)
            return stored


Resealer = Callable[[Keyring, Resealed], None]
RESEALERS: list[Resealer] = []


def column(model: type[models.Model], field: str, context: Callable[[Any], str]) -> Resealer:
    """For a text column: only what is still as it was read is written, so that nobody's change is lost."""

    def reseal(ring: Keyring, told: Resealed) -> None:
        rows = model._default_manager.exclude(**{field: ""}).only("pk", field).order_by("pk")
        for batch in _batches(rows):
            found = [(getattr(row, field), row) for row in batch]
            sealed = [(told.anew(ring, stored, context(row)), row.pk, stored) for stored, row in found]
            told.changed += _write(model, field, [each for each in sealed if each[0] != each[2]])

    return reseal


def _write(model: type[models.Model], field: str, rows: Sequence[tuple[str, Any, str]]) -> int:
    """One statement for many rows, each only where it is as it was: a thousand a second would be slow for a rotation."""
    if not rows:
        return 0
    meta, quote = model._meta, connection.ops.quote_name
    changed = cast("models.Field[Any, Any]", meta.get_field(field))
    table, column_name, key = (quote(str(each)) for each in (meta.db_table, changed.column, meta.pk.column))
    # Names of our own models, quoted; values are parameters.
    update = f"UPDATE {table} SET {column_name} = %s WHERE {key} = %s AND {column_name} = %s"  # noqa: S608  # nosec B608
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(update, rows)
        return int(cursor.rowcount)


def _batches(rows: models.QuerySet[Any]) -> Iterator[list[Any]]:
    last: Any = None
    while batch := list((rows if last is None else rows.filter(pk__gt=last))[:BATCH]):
        yield batch
        last = batch[-1].pk


def begin_rotation() -> Keyring:
    """A new key seals from now on, and the old ones still open. One that was begun goes on instead."""
    ring = keyring()
    if len(ring.keys) == 1:
        write_if_changed(Path(settings.FIELD_KEYS_FILE), ring.with_new())
    return keyring()


def end_rotation() -> None:
    """The old keys are gone: what is still sealed under them cannot be read any more."""
    write_if_changed(Path(settings.FIELD_KEYS_FILE), keyring().text(only_current=True))
