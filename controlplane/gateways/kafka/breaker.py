"""When to stop asking a cluster that does not answer. A pure state machine: `now` comes from the caller.

1. CLOSED admits everything; three failures in a row open it.
2. OPEN refuses for 15 seconds.
3. Then one call is admitted as a probe; its success closes, its failure (or silence) opens for 15 more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

FAILURES = 3
OPEN_S = 15.0


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"


@dataclass(frozen=True, slots=True)
class Breaker:
    failures: int = 0
    closed_until: float | None = None
    probing: bool = False

    @property
    def state(self) -> BreakerState:
        if self.closed_until is None:
            return BreakerState.CLOSED
        return BreakerState.PROBING if self.probing else BreakerState.OPEN

    def admit(self, now: float) -> tuple[Breaker, bool]:
        """A probe that never reports back is replaced by another one after the same 15 seconds."""
        if self.closed_until is None:
            return self, True
        if now < self.closed_until:
            return self, False
        return replace(self, probing=True, closed_until=now + OPEN_S), True

    def succeeded(self) -> Breaker:
        return self if self == CLOSED else CLOSED

    def failed(self, now: float) -> Breaker:
        failures = self.failures + 1
        if failures < FAILURES:
            return replace(self, failures=failures)
        return Breaker(failures=failures, closed_until=now + OPEN_S)

    def retry_in(self, now: float) -> float:
        return max(0.0, self.closed_until - now) if self.closed_until is not None else 0.0


CLOSED = Breaker()
