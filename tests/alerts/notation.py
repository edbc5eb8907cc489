"""Series notation for tables of states: one word per evaluation, a minute apart, as Prometheus' rule tests write values.

`5` is the value that the expression gives, `_` no answer for this alert, `~` the same while its broker is silent,
`!` an evaluation that failed.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from controlplane.alerts.logic.states import CLEAR, Instance, Seen, Sight, Timing, step, unseen

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LABELS = {"alertname": "X", "broker": "1", "cluster": "main"}
SILENT = Sight(silent_brokers=frozenset({"1"}))


def at(minutes: float) -> datetime:
    return EPOCH + minutes * MINUTE


def fold(timing: Timing, words: str) -> list[Instance | None]:
    """The alert after each evaluation: None where there is none."""
    found: list[Instance | None] = []
    for minute, word in enumerate(words.split()):
        before = found[-1] if found else None
        if before is not None and before.resolved_at is not None:
            before = None
        found.append(_next(timing, before, word, at(minute)))
    return found


def _next(timing: Timing, before: Instance | None, word: str, now: datetime) -> Instance | None:
    if word == "!":
        return unseen(before, now) if before else None
    seen = {} if word in ("_", "~") else {"k": Seen(LABELS, {}, float(word))}
    done = step(timing, {"k": before} if before else {}, seen, SILENT if word == "~" else CLEAR, now)
    return done.instances[0] if done.instances else None


def shown(instances: list[Instance | None]) -> str:
    """`P` pending, `F` firing, `R` resolved, `.` none; a question mark follows where there is no data."""
    return " ".join(
        f"{each.state.value[0].upper()}{'?' if each.no_data_since else ''}" if each else "."
        for each in instances
    )


def pending_since(minutes: float) -> Instance:
    (found,) = step(
        Timing(hold=timedelta(days=1)), {}, {"k": Seen(LABELS, {}, 1.0)}, CLEAR, at(minutes)
    ).instances
    return replace(found, id="1")
