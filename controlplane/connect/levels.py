"""Log levels of the workers of a Connect cluster: set on all of them, for a time or until they restart.

A level for a time is a debt: its row keeps what was before, and the sweep sets that again, however often it takes.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from controlplane.audit.services import operation
from controlplane.connect import selectors
from controlplane.connect.logic.levels import effective, plan_level, reached
from controlplane.connect.models import RaisedLevel
from controlplane.connect.selectors import Connect
from controlplane.core.access import Actor
from controlplane.core.errors import AppError
from controlplane.core.plans import Plan
from controlplane.core.verify import verify
from controlplane.gateways.errors import GatewayError

log = logging.getLogger(__name__)


def levels_of(connect: Connect) -> dict[str, str]:
    return {each.name: each.level for each in connect.api.loggers()}


def raised(connect: Connect) -> dict[str, RaisedLevel]:
    rows = RaisedLevel.objects.filter(cluster=connect.cluster, connect=connect.name)
    return {row.logger: row for row in rows}


def plan_set(connect: Connect, logger: str, level: str, minutes: int | None) -> Plan:
    return plan_level(
        levels_of(connect), logger, level, minutes, cluster=connect.cluster.name, connect=connect.name
    )


def apply_set(
    actor: Actor,
    connect: Connect,
    logger: str,
    level: str,
    minutes: int | None,
    plan: Plan,
    now: datetime,
) -> None:
    with operation(actor, plan.action, cluster=connect.cluster.name, target=logger, plan=plan) as entry:
        before = reached(levels_of(connect), logger)
        entry.remember(dict(before))
        _note_debt(connect, logger, level, before, now + timedelta(minutes=minutes) if minutes else None)
        connect.api.set_log_level(logger, level)
        verify("the log level", lambda: effective(levels_of(connect), logger) == level, seconds=20)


def _note_debt(
    connect: Connect, logger: str, level: str, before: dict[str, str], until: datetime | None
) -> None:
    """Before it is set. One that is raised already keeps what was before that; without an end there is no debt."""
    own = {"cluster": connect.cluster, "connect": connect.name, "logger": logger}
    if until is None:
        RaisedLevel.objects.filter(**own).delete()
        return
    RaisedLevel.objects.update_or_create(
        **own, defaults={"level": level, "until": until},
        create_defaults={"level": level, "until": until, "before": before},
    )  # fmt: skip


def restore_overdue(now: datetime) -> int:
    """How many were set back. What fails stays a debt."""
    count = 0
    for row in RaisedLevel.objects.filter(until__lte=now).select_related("cluster"):
        try:
            connect = selectors.connect_of(row.cluster, row.connect)
            own = row.before.get(row.logger, "INFO")
            connect.api.set_log_level(row.logger, own)
            for name, level in row.before.items():
                if name != row.logger and level != own:
                    connect.api.set_log_level(name, level)
        except (GatewayError, AppError) as error:
            log.warning("the level of %s on %s was not set back: %s", row.logger, row.connect, error)
            continue
        row.delete()
        count += 1
    return count
