"""External Connect clusters: registered, changed, removed and tried; how each is reached, with its password opened.

1. The plan asks what answers there; without an answer there is no registration.
2. Applying stores the row, its password sealed, and asks again through what everybody will use.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from controlplane.audit.services import operation
from controlplane.clusters.logic.connections import words_of
from controlplane.clusters.models import Cluster
from controlplane.connect.logic import external as logic
from controlplane.connect.logic.external import ExternalRequest, Found, Registered
from controlplane.connect.models import ConnectCluster, RaisedLevel, RestartPolicy
from controlplane.core.access import Action, Actor
from controlplane.core.errors import Conflict, Invalid, NotFound, StateChanged
from controlplane.core.plans import Json, Plan, Refusal
from controlplane.core.secrets import context_for, decrypt, encrypt
from controlplane.gateways.addresses import Allowed
from controlplane.gateways.connect import ConnectApi, Login
from controlplane.gateways.errors import AuthenticationFailed, GatewayError, TargetRefused


def row_of(cluster: Cluster, name: str) -> ConnectCluster:
    row = ConnectCluster.objects.filter(cluster=cluster, name=name).first()
    if row is None:
        raise NotFound(
            f"{cluster.title} has no external Connect cluster {name!r}", hint="The Connect page has them all."
        )
    return row


def request_of(row: ConnectCluster) -> ExternalRequest:
    """As it is stored, its password left out."""
    return ExternalRequest(row.name, row.url, row.username, None, row.ca_pem, row.allow_private)


def registered(row: ConnectCluster) -> Registered:
    return Registered(request_of(row), bool(row.password), row.version)


def secret_context(row: ConnectCluster) -> str:
    return context_for("connect_connectcluster", row.pk, "password")


def api_of(row: ConnectCluster) -> ConnectApi:
    password = decrypt(row.password, context=secret_context(row)) if row.password else ""
    return _api(request_of(row), password)


def _api(request: ExternalRequest, password: str) -> ConnectApi:
    """Where an administrator allowed private addresses, that is the host that was typed, and no other."""
    own = (urlsplit(request.url).hostname or "",) if request.allow_private else ()
    allowed = Allowed.of([*settings.ALLOWED_TARGETS, *filter(None, own)])
    login = Login(request.username, password) if request.username else None
    return ConnectApi(request.url, login, allowed, request.ca_pem)


def check(request: ExternalRequest, row: ConnectCluster | None) -> None:
    found = logic.problems(request, timezone.now(), registered(row) if row else None)
    if found:
        raise Invalid(fields=found)


def plan_add(cluster: Cluster, request: ExternalRequest) -> Plan:
    check(request, None)
    taken = ConnectCluster.objects.filter(cluster=cluster).values_list("name", flat=True)
    return logic.plan_add(
        request, _ask(request, None), cluster=cluster.name, cluster_id=cluster.cluster_id, taken=taken
    )


def _ask(request: ExternalRequest, row: ConnectCluster | None) -> Found:
    """Who answers there, with the stored password only where it would be kept."""
    kept = row is not None and logic.keeps_password(registered(row), request)
    stored = decrypt(row.password, context=secret_context(row)) if row and kept else ""
    return ask(_api(request, request.password or stored))


def ask(api: ConnectApi) -> Found:
    try:
        worker, names = api.worker(), api.names()
    except GatewayError as error:
        return Found(refusal=Refusal(_field_of(error), error.what, error.hint))
    return Found(worker.version, worker.kafka_cluster_id, len(names))


def _field_of(error: GatewayError) -> str:
    """Where a form shows it."""
    if isinstance(error, TargetRefused):
        return "allow_private"
    if isinstance(error, AuthenticationFailed):
        return "ca_pem" if "certificate" in error.what else "password"
    return "url"


def apply_add(actor: Actor, cluster: Cluster, request: ExternalRequest, plan: Plan) -> ConnectCluster:
    with operation(actor, Action.CLUSTER_MANAGE, cluster=cluster.name, target=request.name, plan=plan):
        try:
            with transaction.atomic():
                row = _stored(ConnectCluster(cluster=cluster, name=request.name, version=0), request)
        except IntegrityError:
            raise Conflict(f"There is a Connect cluster {request.name}", "Take another name.") from None
        try:
            api_of(row).worker()
        except GatewayError:
            row.delete()
            raise
    return row


def plan_alter(row: ConnectCluster, request: ExternalRequest) -> Plan:
    check(request, row)
    cluster = row.cluster
    return logic.plan_alter(
        registered(row),
        request,
        _ask(request, row),
        cluster=cluster.name,
        cluster_id=cluster.cluster_id,
    )


def apply_alter(actor: Actor, row: ConnectCluster, request: ExternalRequest, plan: Plan) -> ConnectCluster:
    with _changing(actor, row, plan) as locked:
        if registered(locked).digest != plan.digest:
            raise StateChanged(f"{row.name} was changed a moment ago by somebody else")
        return _stored(locked, request)


def plan_remove(row: ConnectCluster) -> Plan:
    return logic.plan_remove(registered(row), cluster=row.cluster.name, policies=_policies(row))


def apply_remove(actor: Actor, row: ConnectCluster, plan: Plan) -> None:
    with _changing(actor, row, plan) as locked:
        if plan_remove(locked).digest != plan.digest:
            raise StateChanged(f"{row.name} was changed a moment ago by somebody else")
        for model in (RestartPolicy, RaisedLevel):
            model._default_manager.filter(cluster=locked.cluster, connect=locked.name).delete()
        locked.delete()


@contextmanager
def _changing(actor: Actor, row: ConnectCluster, plan: Plan) -> Iterator[ConnectCluster]:
    """One transaction with the audit's row."""
    before: Json = dict(registered(row).document)
    with operation(
        actor, Action.CLUSTER_MANAGE, cluster=row.cluster.name, target=row.name, plan=plan, before=before,
        atomic=True,
    ):  # fmt: skip
        locked = ConnectCluster.objects.select_for_update().filter(pk=row.pk).first()
        if locked is None:
            raise StateChanged(f"{row.name} was removed a moment ago by somebody else")
        yield locked


def _stored(row: ConnectCluster, request: ExternalRequest) -> ConnectCluster:
    """Inside the caller's transaction. What is not kept and not given is forgotten."""
    kept = bool(row.pk) and logic.keeps_password(registered(row), request)
    for name in ("url", "username", "ca_pem", "allow_private"):
        setattr(row, name, getattr(request, name))
    row.version += 1
    row.save()
    if not kept:
        row.password = encrypt(request.password, context=secret_context(row)) if request.password else ""
        row.save(update_fields=["password"])
    return row


def _policies(row: ConnectCluster) -> int:
    return RestartPolicy.objects.filter(cluster=row.cluster, connect=row.name).count()


def ca_words(row: ConnectCluster) -> str:
    return words_of(row.ca_pem)
