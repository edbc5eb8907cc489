"""Automatic restarts: the policy of a connector, and the sweep that carries policies out. Each restart is an operation."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from datetime import datetime
from itertools import groupby

from django.db.models import QuerySet

from controlplane.audit.services import operation
from controlplane.clusters.models import Cluster
from controlplane.connect import guarding, selectors
from controlplane.connect.logic import restarts as logic
from controlplane.connect.logic.plans import ConnectorAct, plan_act
from controlplane.connect.logic.restarts import Decision, Policy, Record, Verdict
from controlplane.connect.models import RestartPolicy
from controlplane.connect.selectors import Connect
from controlplane.core.access import SYSTEM, Actor
from controlplane.core.errors import AppError, Invalid, NotFound
from controlplane.core.plans import Plan
from controlplane.gateways.connect import Connector
from controlplane.gateways.errors import GatewayError

log = logging.getLogger(__name__)


def row_of(connect: Connect, name: str) -> RestartPolicy | None:
    return _rows(connect.cluster, connect.name).filter(connector=name).first()


def _rows(cluster: Cluster, connect: str) -> QuerySet[RestartPolicy]:
    return RestartPolicy.objects.filter(cluster=cluster, connect=connect)


def policy_of(row: RestartPolicy) -> Policy:
    return Policy(row.most, row.first_s, row.longest_s)


def plan_set(connect: Connect, name: str, wanted: Policy) -> Plan:
    found = logic.problems(wanted)
    if found:
        raise Invalid(fields=found)
    connect.api.status(name)  # one that is not there is told at once
    return _plan(connect, name, wanted)


def plan_unset(connect: Connect, name: str) -> Plan:
    return _plan(connect, name, None)


def _plan(connect: Connect, name: str, wanted: Policy | None) -> Plan:
    row = row_of(connect, name)
    plan = logic.plan_policy(
        name,
        policy_of(row) if row else None,
        wanted,
        cluster=connect.cluster.name,
        connect=connect.name,
    )
    return guarding.about(connect, name, plan)


def _operation(actor: Actor, connect: Connect, name: str, plan: Plan) -> AbstractContextManager[object]:
    needs = guarding.needs(connect, name, plan.action)
    return operation(
        actor, plan.action, cluster=connect.cluster.name, target=name, plan=plan, atomic=True, needs=needs
    )


def apply_set(actor: Actor, connect: Connect, name: str, wanted: Policy, plan: Plan) -> RestartPolicy:
    with _operation(actor, connect, name, plan):
        row, _ = RestartPolicy.objects.update_or_create(
            cluster=connect.cluster,
            connect=connect.name,
            connector=name,
            defaults={
                "most": wanted.most,
                "first_s": wanted.first_s,
                "longest_s": wanted.longest_s,
                "attempts": 0,
                "last_at": None,
                "given_up_at": None,
            },
        )
        return row


def apply_unset(actor: Actor, connect: Connect, name: str, plan: Plan) -> None:
    with _operation(actor, connect, name, plan):
        _rows(connect.cluster, connect.name).filter(connector=name).delete()


def begin_anew(connect: Connect, name: str) -> None:
    """Somebody changed or restarted it: earlier attempts say nothing about what it is now."""
    _rows(connect.cluster, connect.name).filter(connector=name).update(
        attempts=0, last_at=None, given_up_at=None
    )


def forget(connect: Connect, name: str) -> None:
    _rows(connect.cluster, connect.name).filter(connector=name).delete()


def sweep(now: datetime) -> int:
    """Every policy, one request to each Connect cluster; how many connectors were restarted."""
    rows = RestartPolicy.objects.select_related("cluster").order_by("cluster_id", "connect", "connector")
    count = 0
    for (_, name), policies in groupby(rows, key=lambda row: (row.cluster_id, row.connect)):
        own = list(policies)
        try:
            connect = selectors.connect_of(own[0].cluster, name)
            found = connect.api.connectors()
        except (GatewayError, NotFound) as error:
            log.warning("the connectors of %s on %s were not read: %s", name, own[0].cluster.name, error)
            continue
        count += sum(_swept(connect, row, found.get(row.connector), now) for row in own)
    return count


def decision_of(row: RestartPolicy, connector: Connector, now: datetime) -> Decision:
    status = connector.status
    return logic.decide(
        policy_of(row),
        Record(row.attempts, row.last_at),
        state=status.state.value,
        failed=status.failed,
        now=now,
    )


def _swept(connect: Connect, row: RestartPolicy, connector: Connector | None, now: datetime) -> bool:
    if connector is None:
        return False
    found = decision_of(row, connector, now)
    if found.verdict is Verdict.FORGET:
        begin_anew(connect, row.connector)
    if found.verdict is Verdict.GIVE_UP and row.given_up_at is None:
        RestartPolicy.objects.filter(pk=row.pk, given_up_at=None).update(given_up_at=now)
        log.warning("%s of %s is given up: %s", row.connector, connect.name, found.reason)
    if found.verdict is not Verdict.RESTART:
        return False
    # Whoever counts it up restarts it: another sweep that looked at the same time does not.
    claimed = RestartPolicy.objects.filter(pk=row.pk, attempts=row.attempts, last_at=row.last_at)
    return bool(claimed.update(attempts=row.attempts + 1, last_at=now)) and _restarted(
        connect, row, connector, found.reason
    )


def _restarted(connect: Connect, row: RestartPolicy, connector: Connector, reason: str) -> bool:
    known = selectors.known_of(connector.config, connector.status)
    asked = plan_act(ConnectorAct.RESTART_FAILED, known, cluster=connect.cluster.name, connect=connect.name)
    plan = guarding.about(connect, row.connector, asked)
    try:
        with operation(
            SYSTEM, plan.action, cluster=connect.cluster.name, target=row.connector, plan=plan
        ) as entry:
            entry.note(act=ConnectorAct.RESTART_FAILED.value, automatic=reason)
            connect.api.restart(row.connector, only_failed=True)
    except (GatewayError, AppError) as error:
        log.warning("%s of %s was not restarted: %s", row.connector, connect.name, error)
        return False
    return True
