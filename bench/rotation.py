"""The brokers' authority gets a new key under a load of 1,000 records/s: seconds of each step, and what was lost.

The worker is killed with -9 in the middle of the switch; its job is taken up again by the next one.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench._report import finish, table
from tests.faults.drill import Outcome, Recovery, drill
from tests.faults.installation import Installation, end
from tests.faults.rotation import step

STEPS = (
    ("trust new", step("begin")),
    ("switch, worker killed", step("switch", killing="worker")),
    ("drop old", step("finish")),
)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="kastellan-bench-") as directory:
        target = Installation(Path(directory) / "data")
        try:
            target.up()
            outcomes = [_told(target, name, strike) for name, strike in STEPS]
            target.down()
        finally:
            end(target)
    report(outcomes)


def _told(target: Installation, name: str, strike: Callable[[Installation], Recovery]) -> Outcome:
    outcome = drill(target, name.partition(",")[0].replace(" ", "-"), strike)
    print(f"… {name}: {outcome.seconds:.1f} s; {outcome.verdict}", file=sys.stderr, flush=True)
    return outcome


def report(outcomes: list[Outcome]) -> None:
    print(
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores; 1,000 records/s of 100 B, acks=all"
    )
    table(
        (
            "step",
            "seconds",
            "longest pause of acks s",
            "acked",
            "lost",
            "duplicated",
            "producer errors",
            "job",
        ),
        [
            (
                name,
                f"{o.seconds:.1f}",
                f"{o.pause:.1f}",
                f"{o.verdict.acked:,}",
                str(o.lost),
                str(o.duplicated),
                str(len(o.errors)),
                o.note or "attempt 1",
            )
            for (name, _), o in zip(STEPS, outcomes, strict=True)
        ],
    )
    finish(
        "rotation",
        {
            name.partition(",")[0].replace(" ", "_") + "_s": round(o.seconds, 1)
            for (name, _), o in zip(STEPS, outcomes, strict=True)
        }
        | {"lost": sum(o.lost for o in outcomes), "duplicated": sum(o.duplicated for o in outcomes)},
    )


if __name__ == "__main__":
    main()
