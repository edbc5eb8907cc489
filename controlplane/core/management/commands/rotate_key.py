"""A new key for all secrets at rest; the old one then opens nothing. Killed at any point, the next call goes on."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from controlplane.core import secrets
from controlplane.core.secrets import Resealed

#: Whoever read the key file before it changed has written by then.
SETTLE_S = 2.0
MOST_ROUNDS = 20


class Command(BaseCommand):
    help = "Seal every stored secret under a new key, then forget the old keys."

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        ring = secrets.begin_rotation()
        changed = 0
        for _ in range(MOST_ROUNDS):
            told = Resealed()
            for reseal in secrets.RESEALERS:
                reseal(ring, told)
            if told.unreadable:
                names = ", ".join(told.unreadable[:5])
                raise CommandError(
                    f"{len(told.unreadable)} secrets can be read under no key: {names}. Enter them again, then call this "
                    "again; until then the old keys are kept."
                )
            changed += told.changed
            if not told.changed:
                break
            time.sleep(SETTLE_S)
        else:
            raise CommandError("Secrets are written faster than they are sealed anew. Call this again.")
        secrets.end_rotation()
        seconds = time.monotonic() - started
        self.stdout.write(
            f"{changed:,} secrets are sealed under a new key; the old one is gone ({seconds:.1f} s)"
        )
