"""Changes to receivers, the test button, and sending again what was sent. A secret goes in and never comes out."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from controlplane.alerts.logic import plans, receivers, webhook
from controlplane.alerts.logic.dedup import NotifyReason
from controlplane.alerts.logic.plans import Subject
from controlplane.alerts.models import (
    DeliveryAttempt,
    Notification,
    NotificationKind,
    NotificationState,
    Receiver,
    ReceiverKind,
)
from controlplane.alerts.services import delivering, rows, sending
from controlplane.alerts.services.routes import receivers_named
from controlplane.audit.services import operation
from controlplane.clusters.logic import own_authority
from controlplane.core.access import Action, Actor
from controlplane.core.errors import Conflict, Invalid, NotFound
from controlplane.core.plans import Json, Plan, Refusal
from controlplane.core.secrets import encrypt
from controlplane.gateways.addresses import check as check_addresses
from controlplane.gateways.addresses import literal, normal_host
from controlplane.gateways.errors import TargetRefused
from controlplane.gateways.outbound import parse_url

RESERVED = frozenset({"", "*"})


@dataclass(frozen=True, slots=True)
class ReceiverRequest:
    """`secret` None: as it is; empty: none."""

    name: str
    url: str = ""
    kind: str = ReceiverKind.WEBHOOK.value
    options: Mapping[str, Any] = field(default_factory=dict)
    secret: str | None = None
    allow_private: bool = False
    send_resolved: bool = True
    max_alerts: int = 0


def get(pk: int) -> Receiver:
    row = Receiver.objects.filter(pk=pk).first()
    if row is None:
        raise NotFound("There is no such receiver")
    return row


def document_of(row: Receiver | ReceiverRequest, *, whole: bool = False) -> dict[str, Json]:
    """`whole`: with the address as it is, for those who may set it."""
    return {
        "name": row.name,
        "kind": row.kind,
        "url": row.url if whole else receivers.shown_url(row.url),
        "options": dict(row.options),
        "has_secret": bool(row.secret),
        "allow_private": row.allow_private,
        "send_resolved": row.send_resolved,
        "max_alerts": row.max_alerts,
    }


def request_of(row: Receiver) -> ReceiverRequest:
    return ReceiverRequest(
        row.name, row.url, row.kind, row.options, None, row.allow_private, row.send_resolved, row.max_alerts
    )


def digest_of(row: Receiver) -> str:
    return _subject(row.name).digest({**document_of(row), "version": row.version})


def _subject(name: str) -> Subject:
    return Subject(Action.ALERT_ROUTE, "receiver", name)


def check(request: ReceiverRequest, *, has_secret: bool = False) -> None:
    problems = receivers.problems(request.kind, request.options, request.secret, has_secret=has_secret)
    if request.name in RESERVED:
        problems["name"] = ["'*' stands for every receiver."]
    if (pem := request.options.get("ca_pem")) and (problem := _trust_problem(request, pem)):
        problems.setdefault("options", []).append(f"ca_pem: {problem}")
    where = "url" if request.kind == receivers.WEBHOOK else "options"
    try:
        if where not in problems:
            _check_target(request)
    except TargetRefused as error:
        problems[where] = [str(error)]
    if problems:
        raise Invalid(fields=problems)


def _trust_problem(request: ReceiverRequest, pem: object) -> str | None:
    if not isinstance(pem, str):
        return own_authority.NO_PEM
    if request.kind == receivers.WEBHOOK and urlsplit(request.url).scheme != "https":
        return "Only https has a certificate to check."
    return own_authority.problem(pem, timezone.now())


def _check_target(request: ReceiverRequest) -> None:
    """Hosts that somebody typed. Those of services are fixed."""
    probe = Receiver(
        kind=request.kind, url=request.url, options=request.options, allow_private=request.allow_private
    )
    if request.kind == receivers.WEBHOOK:
        host = normal_host(parse_url(request.url).hostname or "")
    elif request.kind == receivers.EMAIL:
        host = normal_host(sending.host_of(probe))
    elif request.url:
        raise TargetRefused("Only a webhook has a URL of its own")
    else:
        return
    check_addresses(host, (host,) if literal(host) else (), sending.allowed_for(probe))


def _warnings(request: ReceiverRequest) -> list[str]:
    found = []
    if urlsplit(request.url).scheme == "http":
        found.append("Plain http: whoever is on the way reads the alerts and can change them.")
    if request.options.get("security") == "none":
        found.append("Not encrypted: whoever is on the way reads the alerts and can change them.")
    if request.allow_private:
        found.append("Its host may be reached although it is not on the public internet.")
    return found


def plan_create(request: ReceiverRequest) -> Plan:
    check(request)
    taken = Receiver.objects.filter(name=request.name).exists()
    return plans.plan_create(
        _subject(request.name),
        document_of(request),
        warnings=_warnings(request),
        refusals=[_taken(request.name)] if taken else [],
    )


def _taken(name: str) -> Refusal:
    return Refusal("exists", f"There is a receiver {name}", "Take another name.")


def apply_create(actor: Actor, request: ReceiverRequest, plan: Plan) -> Receiver:
    with operation(actor, plan.action, target=request.name, plan=plan, atomic=True):
        try:
            with transaction.atomic():
                row = Receiver.objects.create(**columns_of(request), created_at=timezone.now())
        except IntegrityError:
            raise Conflict(_taken(request.name).what, _taken(request.name).hint) from None
        _seal(row, request.secret)
    return row


def keeps_secret(row: Receiver, request: ReceiverRequest) -> bool:
    """A password goes only where it was given for: another server, or another way to it, needs it anew."""
    if request.secret is not None or request.kind != row.kind:
        return False
    where = ("host", "port", "security", "user", "ca_pem") if row.kind == receivers.EMAIL else ()
    return all(request.options.get(name) == row.options.get(name) for name in where)


def plan_alter(row: Receiver, request: ReceiverRequest) -> Plan:
    kept = keeps_secret(row, request)
    if row.secret and request.secret is None and request.kind == row.kind and not kept:
        raise Invalid(fields={"secret": ["Give it again: it was given for another server or user."]})
    check(request, has_secret=bool(row.secret) and kept)
    taken = Receiver.objects.filter(name=request.name).exclude(pk=row.pk).exists()
    refusals = [_taken(request.name)] if taken else []
    if request.name != row.name and row.name in receivers_named(rows.route_tree()):
        refusals.append(Refusal("routed", f"Routes name {row.name}", "Change the routes first."))
    after = {
        **document_of(request),
        "has_secret": bool(row.secret) if kept else bool(request.secret),
    }
    return plans.plan_alter(
        _subject(row.name),
        {**document_of(row), "version": row.version},
        {**after, "version": row.version + 1},
        warnings=_warnings(request),
        refusals=refusals,
    )


def apply_alter(actor: Actor, row: Receiver, request: ReceiverRequest, plan: Plan) -> Receiver:
    with operation(actor, plan.action, target=row.name, plan=plan, before=document_of(row), atomic=True):
        same = Receiver.objects.filter(pk=row.pk, version=row.version)
        if same.update(**columns_of(request), version=row.version + 1) != 1:
            raise Conflict(f"{row.name} was changed by somebody else meanwhile", "Look at it again.")
        _seal(row, None if keeps_secret(row, request) else request.secret or "")
    return get(row.pk)


def _seal(row: Receiver, secret: str | None) -> None:
    if secret is None:
        return
    row.secret = encrypt(secret, context=sending.secret_context(row)) if secret else ""
    Receiver.objects.filter(pk=row.pk).update(secret=row.secret)


def plan_delete(row: Receiver) -> Plan:
    routed = row.name in receivers_named(rows.route_tree())
    waiting = Notification.objects.filter(receiver=row, state=NotificationState.WAITING).count()
    return plans.plan_delete(
        _subject(row.name),
        {**document_of(row), "version": row.version},
        warnings=[f"{waiting} notifications that wait for it are not sent."] if waiting else [],
        refusals=[Refusal("routed", f"Routes name {row.name}", "Change the routes first.")] if routed else [],
        undo="Create it again with its secret, which the operation does not keep.",
    )


def apply_delete(actor: Actor, row: Receiver, plan: Plan) -> None:
    with operation(actor, plan.action, target=row.name, plan=plan, before=document_of(row), atomic=True):
        waiting = Notification.objects.filter(receiver=row, state=NotificationState.WAITING)
        waiting.update(state=NotificationState.REFUSED, finished_at=timezone.now())
        Receiver.objects.filter(pk=row.pk).delete()


def columns_of(request: ReceiverRequest) -> dict[str, object]:
    return {
        "name": request.name,
        "kind": request.kind,
        "url": request.url,
        "options": dict(request.options),
        "allow_private": request.allow_private,
        "send_resolved": request.send_resolved,
        "max_alerts": request.max_alerts,
    }


# --- Test and replay -------------------------------------------------------------------------------------------------
def plan_test(row: Receiver) -> Plan:
    return plans.plan_run(
        _subject(row.name),
        f"Send a test to {row.name}",
        "One message that says it is a test; it is not tried again.",
    )


def apply_test(actor: Actor, row: Receiver, plan: Plan) -> DeliveryAttempt:
    with operation(actor, plan.action, target=row.name, plan=plan) as entry:
        notification = _test_notification(row, actor, timezone.now())
        made = delivering.attempt(notification)
        entry.note(verdict=made.verdict, status=made.status)
    return made


def _test_notification(row: Receiver, actor: Actor, now: datetime) -> Notification:
    labels = {"alertname": "KastellanTest", "severity": "none", "test": "true"}
    words = {"summary": "This is a test", "description": f"{actor.name} tests the receiver {row.name}."}
    item = webhook.Item(labels, words, now, None, settings.BASE_URL)
    envelope = webhook.Envelope(row.name, "{}:test", {}, NotifyReason.FIRST, settings.BASE_URL)
    body = webhook.body(envelope, [item])
    return Notification.objects.create(
        webhook_id=f"msg_{uuid.uuid4().hex}",
        kind=NotificationKind.TEST,
        receiver=row,
        receiver_name=row.name,
        group_key=envelope.group_key,
        status=body["status"],
        reason="test",
        alerts=1,
        payload=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        created_at=now,
        next_attempt_at=now,
        # Ours until the attempt is made; if this process dies before, the sweep sends it.
        claim=uuid.uuid4().hex,
        claimed_until=now + delivering.CLAIM,
    )


def get_notification(pk: int) -> Notification:
    row = Notification.objects.select_related("receiver").filter(pk=pk).first()
    if row is None:
        raise NotFound("There is no such notification")
    return row


def plan_replay(row: Notification) -> Plan:
    refusals = []
    if row.state == NotificationState.WAITING:
        refusals.append(Refusal("waiting", "It has not been sent yet", "It is tried again by itself."))
    if row.receiver is None:
        refusals.append(Refusal("no_receiver", f"The receiver {row.receiver_name} is gone"))
    return plans.plan_run(
        Subject(Action.ALERT_ROUTE, "notification", row.webhook_id),
        f"Send {row.webhook_id} to {row.receiver_name} again",
        "The same message under the same id, once; whoever has seen it can tell.",
        {"state": row.state, "attempts": row.attempts},
        refusals=refusals,
    )


def apply_replay(actor: Actor, row: Notification, plan: Plan) -> DeliveryAttempt:
    with operation(actor, plan.action, target=row.webhook_id, plan=plan) as entry:
        made = delivering.attempt(row, replay=True)
        entry.note(verdict=made.verdict, status=made.status)
    return made
