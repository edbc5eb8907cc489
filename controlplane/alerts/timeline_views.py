"""What changed then, for charts: in pages and in the API."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.accounts.services import actor_of
from controlplane.alerts import timeline
from controlplane.alerts.timeline import Change, Kind
from controlplane.clusters.access import cluster_view
from controlplane.clusters.models import Cluster
from controlplane.clusters.rest import ClusterApiView
from controlplane.core.access import Action
from controlplane.core.rest import list_answer, list_parameters, list_schema
from controlplane.metrics.api import RANGE_PARAMETERS, check_range
from controlplane.metrics.event_views import EVENT_TONES
from controlplane.metrics.logic import ranges
from controlplane.metrics.views import now_ms

SORTABLE = ("at", "kind", "title")


def _period(given: dict[str, str]) -> ranges.TimeRange:
    return ranges.parse(given, now_ms())


@require_safe
@cluster_view(Action.METRICS_VIEW)
def changes(request: HttpRequest, cluster: Cluster) -> JsonResponse:
    """Times in Unix seconds, as charts have them."""
    found = timeline.changes(actor_of(request), cluster.name, _period(request.GET.dict()))
    return JsonResponse({"changes": [_drawn(cluster, each) for each in found]})


def _drawn(cluster: Cluster, change: Change) -> dict[str, Any]:
    page = (
        ("alerts:detail", (cluster.name, change.id))
        if change.kind is Kind.ALERT
        else ("audit:detail", (change.id,))
    )
    return {
        "kind": change.kind.value,
        "at": change.at.timestamp(),
        "until": change.until.timestamp() if change.until else None,
        "title": change.title,
        "tone": change.tone,
        "by": change.by,
        "url": reverse(page[0], args=page[1]),
    }


class ChangeSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=[each.value for each in Kind])
    id = serializers.UUIDField(help_text="Of the operation, or of the alert.")
    at = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True, help_text="When an alert was resolved.")
    title = serializers.CharField()
    tone = serializers.ChoiceField(choices=EVENT_TONES)
    by = serializers.CharField(allow_blank=True)


class TimelineApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.METRICS_VIEW}

    @extend_schema(
        summary="What changed then",
        description="Operations and alerts of the range: at most 100 of each, the newest.",
        parameters=[
            *list_parameters(SORTABLE),
            *RANGE_PARAMETERS,
        ],
        responses=list_schema(ChangeSerializer),
        tags=["metrics"],
    )
    def get(self, request: Request, cluster: str) -> Response:
        check_range(request)
        found = timeline.changes(self.actor, self.cluster.name, _period(request.query_params.dict()))
        search = request.query_params.get("search", "").strip().lower()
        rows = [each for each in found if search in each.title.lower()]
        return list_answer(request, rows, _plain, sortable=SORTABLE, default_sort="at")


def _plain(change: Change) -> dict[str, Any]:
    return dict(ChangeSerializer(change).data)
