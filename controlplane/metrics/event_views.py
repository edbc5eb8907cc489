"""The timelines of a topic and of a group: swapped into their pages, and in the API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.clusters.access import cluster_view
from controlplane.clusters.models import Cluster
from controlplane.clusters.rest import ClusterApiView
from controlplane.core.access import Action
from controlplane.core.errors import Invalid
from controlplane.core.pages import render_page
from controlplane.core.rest import list_answer, list_parameters, list_schema
from controlplane.metrics import events, pages
from controlplane.metrics.api import RANGE_PARAMETERS, check_range
from controlplane.metrics.logic import ranges
from controlplane.metrics.logic.events import Event
from controlplane.metrics.views import now_ms

SORTABLE = ("at", "text")
EVENT_TONES = ["info", "warn", "critical"]


def _asked(cluster: str, given: Mapping[str, str]) -> tuple[Event, ...]:
    topic, group, now = given.get("topic", ""), given.get("group", ""), now_ms()
    if bool(topic) == bool(group):
        raise Invalid(fields={"topic": ["Either `topic` or `group`."]})
    period = ranges.parse(given, now)
    if topic:
        return events.of_topic(cluster, topic, period, now)
    return events.of_group(cluster, group, period, now)


@require_safe
@cluster_view(Action.METRICS_VIEW)
def fragment(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    given = request.GET.dict()
    rows = tuple(_row(each) for each in _asked(cluster.name, given))
    return render_page(
        request, pages.EventsPage(cluster=cluster, rows=rows, of_group=bool(given.get("group")))
    )


def _row(event: Event) -> dict[str, Any]:
    return {
        "at": _time(event.at),
        "until": None if event.until is None else _time(event.until),
        "text": event.text,
        "cause": event.cause,
        "tone": event.tone,
    }


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


class EventSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True)
    text = serializers.CharField()
    cause = serializers.CharField(allow_blank=True, help_text="As far as the brokers' own polls tell it.")
    tone = serializers.ChoiceField(choices=EVENT_TONES)


class EventsApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.METRICS_VIEW}

    @extend_schema(
        summary="List what happened to a topic or a consumer group",
        description="Leaders and in-sync replicas; members and rebalances. At most 200, the newest, of the time for which every poll is kept.",
        parameters=[
            *list_parameters(SORTABLE),
            OpenApiParameter("topic", str),
            OpenApiParameter("group", str),
            *RANGE_PARAMETERS,
        ],
        responses=list_schema(EventSerializer),
        tags=["metrics"],
    )
    def get(self, request: Request, cluster: str) -> Response:
        check_range(request)
        rows = [_row(each) for each in _asked(self.cluster.name, request.query_params.dict())]
        search = request.query_params.get("search", "").strip().lower()
        shown = [row for row in rows if search in f"{row['text']} {row['cause']}".lower()]
        return list_answer(
            request, shown, lambda row: dict(EventSerializer(row).data), sortable=SORTABLE, default_sort="-at"
        )
