"""Pages of who is told: receivers, and what was sent. Receivers and routes belong to the installation, not to a cluster."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.views.decorators.http import require_http_methods, require_safe

from controlplane.accounts.services import actor_of
from controlplane.alerts import pages
from controlplane.alerts.logic import receivers
from controlplane.alerts.models import DeliveryAttempt, Notification, NotificationState, Receiver
from controlplane.alerts.receiver_forms import FORMS, ReceiverForm
from controlplane.alerts.services import permits, receiving
from controlplane.clusters.access import cluster_view
from controlplane.clusters.changes import Done, filled, review_or_apply
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action, can
from controlplane.core.errors import NotFound
from controlplane.core.pages import render_page
from controlplane.core.plans import Plan
from controlplane.core.tables import Column, table_of

COLUMNS = (
    Column("created_at", "When"),
    Column("receiver_name", "Receiver"),
    Column("about", "About", sortable=False),
    Column("status", "Says"),
    Column("alerts", "Alerts", numeric=True),
    Column("state", "Delivery"),
    Column("attempts", "Attempts", numeric=True),
)


def _may_route(request: HttpRequest) -> bool:
    return can(actor_of(request), Action.ALERT_ROUTE, None).allowed


def _person(request: HttpRequest) -> int:
    return actor_of(request).user_id or 0


@require_safe
@cluster_view(Action.ALERT_VIEW)
def receiver_list(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    tried = DeliveryAttempt.objects.filter(pk=_tried(request)).select_related("notification").first()
    return render_page(
        request,
        pages.ReceiverListPage(
            cluster=cluster,
            receivers=tuple(_row(each, whole=_may_route(request)) for each in Receiver.objects.all()),
            kinds=_kinds(),
            tried=tried,
            tried_name=tried.notification.receiver_name if tried else "",
            can_route=_may_route(request),
        ),
    )


def _tried(request: HttpRequest) -> int:
    text = request.GET.get("tried", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else 0


def _row(row: Receiver, *, whole: bool) -> pages.ReceiverRow:
    url = row.url if whole else receivers.shown_url(row.url)
    return pages.ReceiverRow(row, row.get_kind_display(), receivers.address_of(row.kind, url, row.options))


def _kinds() -> tuple[tuple[str, str], ...]:
    return tuple((key, kind.label) for key, kind in receivers.KINDS.items())


def _form_page(cluster: Cluster, form: ReceiverForm, row: Receiver | None) -> pages.ReceiverFormPage:
    label = receivers.KINDS[form.kind].label
    return pages.ReceiverFormPage(cluster=cluster, form=form, label=label, receiver=row, kinds=_kinds())


@require_http_methods(["GET", "POST"])
@cluster_view(Action.ALERT_ROUTE)
def receiver_create(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    kind = request.GET.get("kind", receivers.WEBHOOK)
    form = FORMS.get(kind, FORMS[receivers.WEBHOOK])(request.POST or None, person=_person(request))
    back = resolve_url("alerts:receivers", cluster.name)

    def review() -> HttpResponse:
        wanted = form.to_request()

        def apply(plan: Plan) -> Done:
            receiving.apply_create(actor_of(request), wanted, plan)
            return Done(f"{wanted.name} is there. Send it a test.", back)

        return review_or_apply(
            request, cluster=cluster, plan=receiving.plan_create(wanted), back_url=back, apply=apply,
            editable=True, fields=form.carried(),
        )  # fmt: skip

    return filled(request, form, lambda: _form_page(cluster, form, None), review)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.ALERT_ROUTE)
def receiver_edit(request: HttpRequest, cluster: Cluster, receiver: int) -> HttpResponse:
    found = receiving.get(receiver)
    kind = FORMS[found.kind]
    form = kind(
        request.POST or None, initial=kind.initial_of(found), kept=bool(found.secret), person=_person(request)
    )
    back = resolve_url("alerts:receivers", cluster.name)

    def review() -> HttpResponse:
        wanted = replace(form.to_request(), max_alerts=found.max_alerts)

        def apply(plan: Plan) -> Done:
            receiving.apply_alter(actor_of(request), found, wanted, plan)
            return Done(f"{wanted.name} is changed", back)

        return review_or_apply(
            request, cluster=cluster, plan=receiving.plan_alter(found, wanted), back_url=back, apply=apply,
            editable=True, fields=form.carried(),
        )  # fmt: skip

    return filled(request, form, lambda: _form_page(cluster, form, found), review)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.ALERT_ROUTE)
def receiver_test(request: HttpRequest, cluster: Cluster, receiver: int) -> HttpResponse:
    found = receiving.get(receiver)
    back = resolve_url("alerts:receivers", cluster.name)

    def apply(plan: Plan) -> Done:
        made = receiving.apply_test(actor_of(request), found, plan)
        return Done("The test was sent; its answer is below", f"{back}?tried={made.pk}")

    plan = receiving.plan_test(found)
    return review_or_apply(request, cluster=cluster, plan=plan, back_url=back, apply=apply)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.ALERT_ROUTE)
def receiver_delete(request: HttpRequest, cluster: Cluster, receiver: int) -> HttpResponse:
    found = receiving.get(receiver)
    back = resolve_url("alerts:receivers", cluster.name)

    def apply(plan: Plan) -> Done:
        receiving.apply_delete(actor_of(request), found, plan)
        return Done(f"{found.name} is deleted", back)

    return review_or_apply(
        request, cluster=cluster, plan=receiving.plan_delete(found), back_url=back, apply=apply
    )


def _notifications(request: HttpRequest, cluster: Cluster) -> Any:
    """Of this cluster; what speaks of several or none is shown to those who see every cluster."""
    names = [cluster.name, ""] if permits.sees_all(actor_of(request)) else [cluster.name]
    return Notification.objects.filter(cluster__in=names)


@require_safe
@cluster_view(Action.ALERT_VIEW)
def notification_list(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    state = request.GET.get("state", "")
    rows = _notifications(request, cluster)
    if state in NotificationState.values:
        rows = rows.filter(state=state)
    return render_page(
        request,
        pages.NotificationListPage(
            cluster=cluster,
            table=table_of(request, rows, COLUMNS, default_sort="-created_at"),
            state=state,
            states=tuple((str(value), str(label)) for value, label in NotificationState.choices),
        ),
    )


@require_safe
@cluster_view(Action.ALERT_VIEW)
def notification(request: HttpRequest, cluster: Cluster, notification: int) -> HttpResponse:
    found = _notifications(request, cluster).filter(pk=notification).first()
    if found is None:
        raise NotFound("There is no such notification")
    return render_page(
        request,
        pages.NotificationPage(
            cluster=cluster,
            notification=found,
            deliveries=tuple(found.deliveries.all()),
            payload=json.dumps(json.loads(found.payload), indent=2, ensure_ascii=False),
            can_route=_may_route(request),
        ),
    )


@require_http_methods(["GET", "POST"])
@cluster_view(Action.ALERT_ROUTE)
def replay(request: HttpRequest, cluster: Cluster, notification: int) -> HttpResponse:
    found = receiving.get_notification(notification)
    back = resolve_url("alerts:notification", cluster.name, found.pk)

    def apply(plan: Plan) -> Done:
        receiving.apply_replay(actor_of(request), found, plan)
        return Done("It was sent again", back)

    return review_or_apply(
        request, cluster=cluster, plan=receiving.plan_replay(found), back_url=back, apply=apply
    )
