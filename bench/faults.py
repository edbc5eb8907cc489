"""kill -9 of each process under a load of 1,000 messages/s: what was lost or duplicated, and seconds to recovery.

Recovery means: the supervisor's `up` has returned with the same brokers; a service runs again and the web server
answers; a broker runs again and every partition has its full ISR.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench._report import finish, table
from tests.faults.drill import Outcome, Recovery, drill, kill_brokers, kill_service, kill_supervisor
from tests.faults.installation import BROKERS, Installation, end

FAULTS: tuple[tuple[str, Callable[[Installation], Recovery]], ...] = (
    ("supervisor", kill_supervisor),
    ("web", kill_service("web")),
    ("worker", kill_service("worker")),
    ("redis", kill_service("redis")),
    *((name.removeprefix("main-"), kill_brokers([name])) for name in BROKERS),
    ("all-brokers", kill_brokers(BROKERS)),
)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="kastellan-bench-") as directory:
        target = Installation(Path(directory) / "data")
        try:
            target.up()
            outcomes = [_told(target, fault, strike) for fault, strike in FAULTS]
            target.down()
            left = target.left()
        finally:
            end(target)
    report(outcomes, left)


def _told(target: Installation, fault: str, strike: Callable[[Installation], Recovery]) -> Outcome:
    outcome = drill(target, fault, strike)
    print(f"… {fault}: {outcome.seconds:.1f} s; {outcome.verdict}", file=sys.stderr, flush=True)
    for error in sorted(set(outcome.errors)):
        print(f"    producer: {error}", file=sys.stderr, flush=True)
    return outcome


def report(outcomes: list[Outcome], left: tuple[tuple[int, str], ...]) -> None:
    print(
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores; 1,000 messages/s of 100 B, acks=all"
    )
    table(
        (
            "kill -9",
            "recovery s",
            "shown s",
            "acked",
            "lost",
            "dup",
            "other",
            "errors",
            "pause s",
            "brokers",
            "note",
        ),
        [_row(outcome) for outcome in outcomes],
    )
    print(
        f"left after `./run down`: {len(left)}",
        *(f"  {pid} {arguments}" for pid, arguments in left),
        sep="\n",
    )
    finish(
        "faults",
        {
            **{outcome.fault: _figures(outcome) for outcome in outcomes},
            "left_after_down": len(left),
        },
    )
    if left or not all(outcome.verdict.clean for outcome in outcomes):
        raise SystemExit(1)


def _row(outcome: Outcome) -> tuple[object, ...]:
    kept = sum(pid in outcome.brokers_before for pid in outcome.brokers_after)
    return (
        outcome.fault,
        f"{outcome.seconds:.1f}",
        "–" if outcome.shown is None else f"{outcome.shown:.1f}",
        outcome.verdict.acked,
        outcome.lost,
        outcome.duplicated,
        len(outcome.verdict.violations) - outcome.lost - outcome.duplicated,
        len(outcome.errors),
        f"{outcome.pause:.1f}",
        f"{kept} of {len(outcome.brokers_before)} kept",
        outcome.note,
    )


def _figures(outcome: Outcome) -> dict[str, object]:
    return {
        "recovery_s": round(outcome.seconds, 1),
        "shown_s": None if outcome.shown is None else round(outcome.shown, 1),
        "acked": outcome.verdict.acked,
        "lost": outcome.lost,
        "duplicated": outcome.duplicated,
        "violations": len(outcome.verdict.violations),
        "producer_errors": len(outcome.errors),
        "pause_s": round(outcome.pause, 1),
        "note": outcome.note,
    }


if __name__ == "__main__":
    main()
