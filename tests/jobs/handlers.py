"""Handlers for tests, named in JOB_KINDS by the fixture."""

from __future__ import annotations

import threading

from controlplane.core.plans import Json
from controlplane.gateways.errors import Unreachable
from controlplane.jobs.run import JobRun

started = threading.Event()
go_on = threading.Event()


def count(run: JobRun) -> dict[str, Json]:
    with run.step("Count"):
        for number in range(5):
            run.progress(number + 1, 5, f"number {number + 1}")
    with run.step("Tell"):
        run.log("counted")
    return {"counted": 5, "as": run.actor.name}


def unreachable(run: JobRun) -> None:
    with run.step("Connect"):
        raise Unreachable("Nothing answers", "Start it")


def bug(run: JobRun) -> None:
    raise ZeroDivisionError("secret")


def wait(run: JobRun) -> None:
    with run.step("Wait"):
        started.set()
        go_on.wait(20)
    with run.step("Never with a cancel"):
        run.log("after")
