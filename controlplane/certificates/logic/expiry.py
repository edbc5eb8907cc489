"""How long a certificate has still to live, as a state with a tone. Thresholds are those of the alert rules (CA-9)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

SOON, VERY_SOON = timedelta(days=30), timedelta(days=7)
#: Neither over nor revoked, and refused all the same: its authority was dropped.
UNTRUSTED = "untrusted"


class Life(StrEnum):
    """In the order in which one should worry, the worst first."""

    EXPIRED = "expired"
    VERY_SOON = "ends within 7 days"
    SOON = "ends within 30 days"
    NOT_YET = "not valid yet"
    VALID = "valid"

    @property
    def tone(self) -> str:
        return {
            Life.EXPIRED: "critical",
            Life.VERY_SOON: "critical",
            Life.SOON: "warn",
            Life.NOT_YET: "warn",
            Life.VALID: "ok",
        }[self]


def life_of(not_before: datetime, not_after: datetime, now: datetime) -> Life:
    if now > not_after:
        return Life.EXPIRED
    if now < not_before:
        return Life.NOT_YET
    left = not_after - now
    return Life.VERY_SOON if left <= VERY_SOON else Life.SOON if left <= SOON else Life.VALID


@dataclass(frozen=True, slots=True)
class Span:
    """A certificate's time, as templates show it."""

    not_before: datetime
    not_after: datetime
    now: datetime

    @property
    def life(self) -> Life:
        return life_of(self.not_before, self.not_after, self.now)

    @property
    def tone(self) -> str:
        return self.life.tone

    @property
    def seconds_left(self) -> float:
        """Negative once it is over."""
        return (self.not_after - self.now).total_seconds()

    @property
    def seconds(self) -> float:
        """From beginning to end."""
        return (self.not_after - self.not_before).total_seconds()

    @property
    def left(self) -> str:
        return in_words(self.seconds_left)


def in_words(seconds: float) -> str:
    """`84 days`, `5 hours ago`: whole units, never rounded up; years from two on."""
    amount = abs(seconds)
    for size, unit, least in (
        (31_536_000, "year", 2),
        (86_400, "day", 1),
        (3600, "hour", 1),
        (60, "minute", 1),
    ):
        count = int(amount // size)
        if count >= least:
            words = f"{count} {unit}{'' if count == 1 else 's'}"
            break
    else:
        words = "less than a minute"
    return f"{words} ago" if seconds < 0 else words
