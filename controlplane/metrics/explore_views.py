"""The Explore page, its charts' data, and a query's answer as a file."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from controlplane.clusters.access import cluster_view
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action
from controlplane.core.cells import csv_text, plain
from controlplane.core.downloads import attachment
from controlplane.core.pages import render_page
from controlplane.metrics import explore, pages
from controlplane.metrics.boards import OF_CLUSTER
from controlplane.metrics.logic import ranges
from controlplane.metrics.views import data_json, now_ms

#: What people ask first; each works on every cluster.
EXAMPLES = (
    ("Bytes in per topic", 'topk(10, sum by (topic) (rate(kafka_server_brokertopicmetrics_bytesin_total{topic!=""}[5m])))'),
    ("Lag of every group", "sum by (consumergroup) (kafka_consumergroup_lag)"),
    ("How old is what groups have not read, in seconds", "max by (consumergroup) (kastellan_group_lag_seconds)"),
    ("Slowest produce requests, p99", 'max by (broker) (kafka_network_requestmetrics_totaltimems{request="Produce", quantile="0.99"})'),
    ("Disk full in a day?", "predict_linear(kastellan_log_dir_usable_bytes[6h], 86400) < 0"),
    ("Heap in use", 'jvm_memory_used_bytes{area="heap", worker=""} / jvm_memory_max_bytes{area="heap", worker=""}'),
)  # fmt: skip


@require_safe
@cluster_view(Action.METRICS_VIEW)
def page(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    period = ranges.parse(request.GET.dict(), now_ms())
    queries = tuple(request.GET.getlist("q"))[: explore.MOST_QUERIES]
    return render_page(
        request,
        pages.ExplorePage(
            cluster=cluster,
            boards=OF_CLUSTER,
            queries=queries or ("",),
            panels=explore.panels(cluster.name, queries, period),
            examples=EXAMPLES,
            ranges=tuple((key, label) for key, (label, _) in ranges.RANGES.items()),
            current_range=period.key,
            from_s=period.start // 1000,
            to_s=period.end // 1000,
            api=reverse("api:prometheus:query", args=(cluster.name,)).removesuffix("query"),
        ),
    )


@require_safe
@cluster_view(Action.METRICS_VIEW)
def data(request: HttpRequest, cluster: Cluster) -> JsonResponse:
    period = ranges.parse(request.GET.dict(), now_ms())
    return JsonResponse(data_json(explore.chart_data(cluster.name, request.GET.get("q", ""), period)))


@require_safe
@cluster_view(Action.METRICS_VIEW)
def download(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    """CSV: a row per time, a column per series."""
    period = ranges.parse(request.GET.dict(), now_ms())
    found = explore.chart_data(cluster.name, request.GET.get("q", ""), period)
    header = ["time", *(line.name for line in found.lines)]
    times = [at for at, _ in found.lines[0].points] if found.lines else []
    rows = [
        {"time": plain(at), **{line.name: line.points[place][1] for line in found.lines}}
        for place, at in enumerate(times)
    ]
    return attachment(csv_text(header, rows), "text/csv; charset=utf-8", "explore.csv")
