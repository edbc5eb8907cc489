"""The metrics API: the named charts as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.clusters.rest import ClusterApiView
from controlplane.core.access import Action
from controlplane.core.errors import Invalid
from controlplane.core.rest import list_answer, list_parameters, list_schema
from controlplane.metrics.boards import BOARDS, CHARTS
from controlplane.metrics.logic.ranges import LONGEST_S, RANGES
from controlplane.metrics.views import chart_json

SORTABLE = ("id", "title", "board")


class LineSerializer(serializers.Serializer[Any]):
    """PromQL; `$broker`, `$topic` and the like, `$window` and `$peak` are filled when the chart is read."""

    expr = serializers.CharField()
    legend = serializers.CharField(allow_blank=True)


class ChartSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    title = serializers.CharField()
    board = serializers.CharField(help_text="The first that shows it.")
    unit = serializers.CharField(allow_blank=True)
    lines = LineSerializer(many=True)
    help = serializers.CharField(allow_blank=True)


class SeriesSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(allow_blank=True)
    labels = serializers.DictField(child=serializers.CharField(allow_blank=True))
    points = serializers.ListField(child=serializers.ListField())


class ChartDataSerializer(serializers.Serializer[Any]):
    """Times in Unix seconds; a null value is a gap."""

    to = serializers.FloatField()
    step = serializers.FloatField()
    unit = serializers.CharField(allow_blank=True)
    series = SeriesSerializer(many=True)


#: Of everything that is asked for a stretch of time; `check_range` reads them.
RANGE_PARAMETERS = (
    OpenApiParameter("range", str, enum=list(RANGES)),
    OpenApiParameter(
        "from",
        {"type": "integer", "minimum": 0, "maximum": 99999999999},
        description="Unix seconds, with `to`.",
    ),
    OpenApiParameter("to", {"type": "integer", "minimum": 0, "maximum": 99999999999}),
)


def check_range(request: Request) -> None:
    """Pages fall back to the default range; a script is told what is wrong."""
    query = request.query_params
    problems: dict[str, list[str]] = {}
    for name in ("from", "to"):
        raw = query.get(name)
        if raw is not None and not (raw.isascii() and raw.isdigit() and len(raw) <= 11):
            problems[name] = ["Unix seconds."]
    if not problems:
        problems = _period_problems(query.get("from"), query.get("to"))
    if problems:
        raise Invalid(fields=problems)


def _period_problems(begin: str | None, end: str | None) -> dict[str, list[str]]:
    """The API does not guess a period: half of one, or one that ends before it begins, is wrong."""
    if begin is None and end is None:
        return {}
    if begin is None or end is None:
        return {"to" if end is None else "from": ["`from` and `to` belong together."]}
    length = int(end) - int(begin)
    if length <= 0:
        return {"to": ["Later than `from`."]}
    return {"from": [f"At most {LONGEST_S // 86_400} days before `to`."]} if length > LONGEST_S else {}


class ChartsApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.METRICS_VIEW}

    @extend_schema(
        summary="List charts",
        parameters=list_parameters(SORTABLE),
        responses=list_schema(ChartSerializer),
    )
    def get(self, request: Request, cluster: str) -> Response:
        search = request.query_params.get("search", "").strip().lower()
        rows = [row for row in _charts() if search in row["id"] or search in row["title"].lower()]
        return list_answer(request, rows, dict, sortable=SORTABLE, default_sort="id")


def _charts() -> list[dict[str, Any]]:
    homes = {chart.id: board.id for board in reversed([*BOARDS.values()]) for chart in board.charts}
    return [asdict(chart) | {"board": homes[chart.id]} for chart in CHARTS.values()]


class ChartApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.METRICS_VIEW}

    @extend_schema(
        summary="Read a chart",
        parameters=[
            *RANGE_PARAMETERS,
            OpenApiParameter("broker", str),
            OpenApiParameter("topic", str, description="For charts of a topic."),
            OpenApiParameter("group", str, description="For charts of a consumer group."),
            OpenApiParameter("source", str, description="For charts of a flow: the cluster it copies from."),
            OpenApiParameter("connector", str, description="For charts of a connector."),
            OpenApiParameter("user", str, description="For charts of a client: as its quota counts it."),
            OpenApiParameter("client_id", str, description="For charts of a client."),
        ],
        responses=ChartDataSerializer,
    )
    def get(self, request: Request, cluster: str, chart: str) -> Response:
        check_range(request)
        return Response(chart_json(self.cluster.name, chart, request.query_params.dict()))
