"""Log levels of Connect workers: what is in force, what a change reaches, and its plan. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from controlplane.core.access import Action
from controlplane.core.plans import (
    ApiCall,
    Change,
    Json,
    Plan,
    PlanStep,
    Refusal,
    Risk,
    StepKind,
    api_path,
    state_digest,
)

LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF")
#: None: until the worker restarts.
MINUTES = (5, 15, 60)
ROOT = "root"


def effective(levels: Mapping[str, str], logger: str) -> str:
    """A logger without a level of its own has that of the nearest one above it."""
    name = logger
    while name not in levels and "." in name:
        name = name.rpartition(".")[0]
    return levels.get(name, levels.get(ROOT, "INFO"))


def reached(levels: Mapping[str, str], logger: str) -> dict[str, str]:
    """What a change of this logger sets: it, and those below that are known; with their levels now."""
    below = {name: level for name, level in levels.items() if logger == ROOT or name.startswith(f"{logger}.")}
    return {logger: effective(levels, logger), **below}


def of_their_own(levels: Mapping[str, str]) -> dict[str, str]:
    """Those that differ from what is above them: the others say nothing."""

    def above(name: str) -> str:
        return effective({other: level for other, level in levels.items() if other != name}, name)

    return {name: level for name, level in levels.items() if name == ROOT or above(name) != level}


def plan_level(
    levels: Mapping[str, str],
    logger: str,
    level: str,
    minutes: int | None,
    *,
    cluster: str,
    connect: str,
    until: datetime | None = None,
) -> Plan:
    before = reached(levels, logger)
    changes = tuple(Change(name, old, level) for name, old in before.items() if old != level)
    note = f"for {minutes} min, then as before" if minutes else "until its workers restart"
    refusals = (
        () if changes or until else (Refusal("level", f"{logger} is at {level} already", "Take another."),)
    )
    body: dict[str, Json] = {"logger": logger, "level": level, "minutes": minutes}
    warnings = (
        ("Debug lines can hold settings and records: they are in the workers' logs then.",)
        if level in ("TRACE", "DEBUG")
        else ()
    )
    return Plan(
        action=Action.WORKER_OPERATE,
        title=f"Set {logger} to {level} {note}",
        apply_label=f"Set {level}",
        cluster=cluster,
        steps=(PlanStep(StepKind.ALTER, "log level", connect, changes, note),) if changes else (),
        risk=Risk.REVERSIBLE,
        digest=state_digest({"levels": dict(before), "logger": logger, "level": level}),
        warnings=warnings,
        refusals=refusals,
        undo="Set it back; a restart of a worker does so too.",
        request=body,
        api=ApiCall("PUT", api_path(cluster, "connect", connect, "loggers"), body),
    )
