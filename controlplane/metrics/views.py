"""The Metrics page, chart data as JSON, the dashboard's live numbers, and `/metrics` for Prometheus."""

from __future__ import annotations

import os
import re
import time
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from controlplane.accounts import services as accounts
from controlplane.accounts.authentication import bearer_of
from controlplane.clusters import selectors as clusters
from controlplane.clusters.access import cluster_view
from controlplane.clusters.logic.verdict import FRESH
from controlplane.clusters.models import Cluster, SnapshotPart
from controlplane.clusters.present import running_since
from controlplane.core.access import EVERY_CLUSTER, Action, can
from controlplane.core.errors import NotFound
from controlplane.core.pages import render_page
from controlplane.metrics import elsewhere, pages, selectors
from controlplane.metrics.boards import CHARTS, OF_CLUSTER, OVERVIEW
from controlplane.metrics.charts import Board
from controlplane.metrics.drawing import ChartData, chart_data
from controlplane.metrics.instruments import LIVE
from controlplane.metrics.logic import ranges
from controlplane.metrics.names import encoded_user
from controlplane.metrics.query import QueryError
from controlplane.metrics.sources import is_elsewhere, source_of


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@require_safe
@cluster_view(Action.METRICS_VIEW)
def page(request: HttpRequest, cluster: Cluster, board: str = OVERVIEW.id) -> HttpResponse:
    now = now_ms()
    period = ranges.parse(request.GET.dict(), now)
    broker = request.GET.get("broker", "")
    brokers = tuple(clusters.brokers(cluster).values_list("broker_id", flat=True))
    return render_page(
        request,
        pages.MetricsPage(
            cluster=cluster,
            boards=OF_CLUSTER,
            board=_of_cluster(board),
            brokers=brokers,
            broker=broker if broker in map(str, brokers) else "",
            ranges=tuple((key, label) for key, (label, _) in ranges.RANGES.items()),
            current_range=period.key,
            sampled=is_elsewhere(cluster.name)
            or bool(selectors.store().targets(cluster.name, now - 3_600_000)),
        ),
    )


def _of_cluster(board: str) -> Board:
    found = next((each for each in OF_CLUSTER if each.id == board), None)
    if found is None:
        names = ", ".join(each.id for each in OF_CLUSTER)
        raise NotFound(f"There is no board {board!r}", hint=f"One of {names}.")
    return found


@require_safe
@cluster_view(Action.METRICS_VIEW)
def chart(request: HttpRequest, cluster: Cluster, chart: str) -> JsonResponse:
    return JsonResponse(chart_json(cluster.name, chart, request.GET.dict()))


def chart_json(cluster: str, chart: str, given: dict[str, str]) -> dict[str, Any]:
    wanted = CHARTS.get(chart)
    if wanted is None:
        raise NotFound(f"There is no chart {chart!r}", hint=f"One of {', '.join(CHARTS)}.")
    choices = {
        "broker": re.escape(given.get("broker", "")),
        "topic": given.get("topic", ""),
        "group": given.get("group", ""),
        "source": given.get("source", ""),
        "connector": given.get("connector", ""),
        "user": encoded_user(given.get("user", "")),
        "client": given.get("client_id", ""),
    }
    return data_json(chart_data(cluster, wanted, ranges.parse(given, now_ms()), choices))


def data_json(data: ChartData) -> dict[str, Any]:
    return {
        "from": data.start,
        "to": data.end,
        "step": data.step,
        "unit": data.unit,
        "series": [
            {"name": line.name, "labels": dict(line.labels), "points": line.points} for line in data.lines
        ],
    }


@require_safe
@cluster_view(Action.METRICS_VIEW)
def health(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    found, error = _health(cluster, "")
    found = selectors.with_counts(found, *_partition_counts(cluster))
    return render_page(request, _health_page(cluster, found, "", error))


@require_safe
@cluster_view(Action.METRICS_VIEW)
def broker_health(request: HttpRequest, cluster: Cluster, broker: int) -> HttpResponse:
    found, error = _health(cluster, str(broker))
    return render_page(request, _health_page(cluster, found, str(broker), error))


def _health(cluster: Cluster, broker: str) -> tuple[selectors.Health, str]:
    """And what kept the server, where there is one, from answering."""
    if not is_elsewhere(cluster.name):
        counts = _counts_from(cluster)
        return selectors.cluster_health(cluster.name, now_ms(), broker=broker, counts_from=counts), ""
    try:
        return elsewhere.health(cluster.name, now_ms(), broker=broker), ""
    except QueryError as error:
        return elsewhere.nothing("The Prometheus server does not answer"), str(error)


def _health_page(cluster: Cluster, found: selectors.Health, broker: str, error: str) -> pages.HealthPage:
    return pages.HealthPage(
        cluster=cluster, health=found, broker=broker, polled=_polled(cluster), elsewhere=is_elsewhere(cluster.name), error=error,
    )  # fmt: skip


def _partition_counts(cluster: Cluster) -> tuple[int | None, int | None, int | None]:
    """Under-replicated, offline, under min ISR as the verdict counts them; unknown while the snapshot is old."""
    taken = clusters.age(cluster, SnapshotPart.TOPICS).taken_at
    if taken is None or timezone.now() - taken > FRESH:
        return None, None, None
    sums = clusters.facts(cluster)
    return sums.under_replicated, sums.leaderless, sums.under_min_isr


def _polled(cluster: Cluster) -> bool:
    """Whether brokers' own metrics are read and kept here: not of an external cluster without exporters."""
    return source_of(cluster.name) is not None


def _counts_from(cluster: Cluster) -> dict[str, float]:
    return {str(broker): since for broker, since in running_since(cluster).items()}


@login_not_required
@require_safe
def exposition(request: HttpRequest) -> HttpResponse:
    """Prometheus text of Kastellan's own processes; needs a token that may view metrics. No session, no redirect."""
    text = bearer_of(request.headers.get("Authorization", ""))
    token = accounts.authenticate_token(text, ip=accounts.client_ip(request)) if text else None
    if token is None:
        return HttpResponse("A token is needed.\n", status=401, headers={"WWW-Authenticate": "Bearer"})
    # It names every cluster.
    decision = can(accounts.actor_of_token(token), Action.METRICS_VIEW, EVERY_CLUSTER)
    if not decision.allowed:
        return HttpResponse(f"{decision.reason}\n", status=403)
    registry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    body = generate_latest(registry) + generate_latest(LIVE)
    return HttpResponse(body, content_type=CONTENT_TYPE_LATEST)
