"""The alerts API, before a rule is saved: what it would have done on the history."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.alerts.api import RulesView, wanted_of
from controlplane.alerts.logic.humanize import go_float
from controlplane.alerts.logic.preview import Episode
from controlplane.alerts.serializers import DURATION, LONGEST_EXPR, LONGEST_TEXT, texts
from controlplane.alerts.services import permits, previewing, ruling
from controlplane.alerts.services.previewing import Preview
from controlplane.alerts.services.ruling import RuleRequest
from controlplane.core.access import Action
from controlplane.core.rest import valid_data
from controlplane.metrics.views import now_ms

TAGS = ["alerts"]
MOST_EPISODES = 1000


class PreviewInput(serializers.Serializer[Any]):
    """A rule as it would be saved, and which past it is tried on."""

    expr = serializers.CharField(max_length=LONGEST_EXPR)
    keep_firing_for = serializers.RegexField(DURATION, max_length=40, required=False)
    labels = texts(LONGEST_TEXT)
    annotations = texts(LONGEST_TEXT)
    cluster = serializers.CharField(max_length=40)
    range = serializers.ChoiceField(tuple(previewing.RANGES), required=False, help_text="24h unless told.")

    def get_fields(self) -> dict[str, Any]:
        found: dict[str, Any] = super().get_fields()
        found["for"] = serializers.RegexField(DURATION, max_length=40, required=False)
        return found


class EpisodeSerializer(serializers.Serializer[Any]):
    labels = serializers.DictField(child=serializers.CharField(allow_blank=True))
    annotations = serializers.DictField(child=serializers.CharField(allow_blank=True))
    value = serializers.CharField(help_text="When it fired.")
    active_at = serializers.DateTimeField()
    fired_at = serializers.DateTimeField()
    resolved_at = serializers.DateTimeField(allow_null=True, help_text="null: it would fire now.")


class PreviewSerializer(serializers.Serializer[Any]):
    """`fired` counts every time that an alert would have fired; `episodes` are the first thousand of them."""

    cluster = serializers.CharField()
    start = serializers.FloatField(help_text="Unix seconds.")
    end = serializers.FloatField()
    known_from = serializers.FloatField(
        allow_null=True, help_text="Where the history begins; null: there is none."
    )
    step = serializers.FloatField(
        help_text="Seconds between two looks; the live evaluation looks every five."
    )
    fired = serializers.IntegerField()
    only_pending = serializers.IntegerField(help_text="Ended before `for` had passed.")
    series = serializers.IntegerField()
    cut = serializers.BooleanField(help_text="It flaps too much to be followed to the end.")
    episodes = EpisodeSerializer(many=True)


class PreviewApi(RulesView):
    """Reads only: nothing is saved, nobody is told."""

    actions: ClassVar = {"POST": Action.ALERT_VIEW}

    @extend_schema(
        operation_id="preview_alert_rule",
        summary="Preview an alert rule on history",
        description="Would have fired so often in the last 24 hours or 7 days. Changes nothing.",
        tags=TAGS,
        request=PreviewInput,
        responses={200: PreviewSerializer},
        examples=[
            OpenApiExample(
                "lag",
                {"expr": "kastellan_group_lag_seconds > 300", "for": "5m", "cluster": "main", "range": "7d"},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        data = valid_data(PreviewInput, request)
        key = data.pop("range", previewing.DEFAULT)
        wanted = wanted_of(RuleRequest("Preview", data["expr"]), data)
        permits.require(self.actor, Action.ALERT_VIEW, wanted.cluster)
        ruling.check(wanted)
        return Response(
            preview_json(wanted.cluster, previewing.preview_of(wanted.cluster, wanted, key, now_ms()))
        )


def preview_json(cluster: str, found: Preview) -> dict[str, Any]:
    outcome = found.outcome
    return {
        "cluster": cluster,
        "start": found.start,
        "end": found.end,
        "known_from": found.known_from,
        "step": found.step,
        "fired": len(outcome.episodes),
        "only_pending": outcome.only_pending,
        "series": outcome.series,
        "cut": outcome.cut,
        "episodes": [_episode_json(each) for each in outcome.episodes[:MOST_EPISODES]],
    }


def _episode_json(each: Episode) -> dict[str, Any]:
    return {
        "labels": dict(each.labels),
        "annotations": dict(each.annotations),
        "value": go_float(each.value),
        "active_at": each.active_at,
        "fired_at": each.fired_at,
        "resolved_at": each.resolved_at,
    }
