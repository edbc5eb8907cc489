"""When an attempt to deliver failed: again, and when, or never. Pure; chance is an argument."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

FIRST_S, LONGEST_S = 2.0, 300.0
#: Then it is of the past. Later ones of its group go on.
GIVE_UP_AFTER = timedelta(hours=24)
#: They say "later", although their number says "your fault".
LATER = frozenset({408, 425, 429})


class Verdict(StrEnum):
    SENT = "sent"
    RETRY = "retry"
    REFUSED = "refused"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`status` None: no answer came; then `retriable` is what the gateway's error says."""

    status: int | None
    retriable: bool = True


def judge(outcome: Outcome, age: timedelta) -> Verdict:
    """2xx is delivered, 5xx and silence are tried again, everything else would be refused again."""
    status = outcome.status
    if status is not None and 200 <= status < 300:
        return Verdict.SENT
    again = outcome.retriable if status is None else status >= 500 or status in LATER
    if not again:
        return Verdict.REFUSED
    return Verdict.EXPIRED if age > GIVE_UP_AFTER else Verdict.RETRY


def delay(attempts: int, chance: float) -> timedelta:
    """Doubling from two seconds to five minutes, half of it by chance (0 ≤ chance < 1): a crowd does not come at once."""
    longest = min(FIRST_S * 2 ** min(max(attempts - 1, 0), 20), LONGEST_S)
    return timedelta(seconds=longest * (0.5 + chance / 2))
