"""Verified changes: what Kafka accepted is read back before anybody is told that it is done."""

from __future__ import annotations

import time
from collections.abc import Callable

from controlplane.core.errors import NotVerified

VERIFY_SECONDS = 10.0


def verify(what: str, holds: Callable[[], bool], *, seconds: float = VERIFY_SECONDS) -> None:
    """Effects propagate from the controller to the brokers: a short poll, then the truth (KAFKA.md section 6)."""
    deadline = time.monotonic() + seconds
    pause = 0.02
    while not holds():
        if time.monotonic() > deadline:
            raise NotVerified(
                f"Kafka accepted the change, but {what} could not be confirmed within {seconds:.0f} s",
                hint="Look at the object again in a moment; the brokers may still be catching up.",
            )
        time.sleep(pause)
        pause = min(pause * 2, 0.5)
