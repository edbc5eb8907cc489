"""The alerts API, mute times: their shape, in words, and whether they hold now. They are set with the routing."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.alerts.logic.mute_times import BadInterval
from controlplane.alerts.mute_form import described
from controlplane.alerts.services import routes
from controlplane.core.access import Action
from controlplane.core.errors import Invalid
from controlplane.core.rest import ApiView, list_answer, list_parameters, list_schema, valid_data

TAGS = ["alerts"]
EXAMPLE = {
    "time_intervals": [
        {"weekdays": ["saturday", "sunday"], "location": "Europe/Vienna"},
        {
            "weekdays": ["monday:friday"],
            "times": [
                {"start_time": "18:00", "end_time": "24:00"},
                {"start_time": "00:00", "end_time": "08:00"},
            ],
            "location": "Europe/Vienna",
        },
    ]
}


class TimeRangeSerializer(serializers.Serializer[Any]):
    start_time = serializers.CharField(help_text="HH:MM.")
    end_time = serializers.CharField(help_text="HH:MM up to 24:00, later than the start and not included.")


def _ranges(text: str) -> serializers.ListField:
    return serializers.ListField(child=serializers.CharField(), required=False, help_text=text)


class TimeIntervalSerializer(serializers.Serializer[Any]):
    """Alertmanager's: all that it says has to hold, and what it leaves out is not asked about."""

    times = TimeRangeSerializer(many=True, required=False)
    weekdays = _ranges("Such as monday:friday, sunday.")
    days_of_month = _ranges("Such as 1:7, 15; negative from the end: -1 is the last day.")
    months = _ranges("Such as january:march, 12.")
    years = _ranges("Such as 2026:2028.")
    location = serializers.CharField(required=False, help_text="Of the time zone database; UTC unless given.")


class NamedIntervalsSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    time_intervals = TimeIntervalSerializer(many=True)


@extend_schema_field(NamedIntervalsSerializer(many=True))
class NamedIntervalsField(serializers.ListField):
    """What is wrong within is found by the reader of intervals, which names the place."""

    child = serializers.DictField()


@extend_schema_field(TimeIntervalSerializer(many=True))
class IntervalsField(serializers.ListField):
    child = serializers.DictField()


class MuteTimeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    time_intervals = IntervalsField()
    words = serializers.CharField()
    muted_now = serializers.BooleanField(help_text="Now is within it.")
    until = serializers.DateTimeField(allow_null=True, help_text="Null: for more than a year.")


class IntervalsInput(serializers.Serializer[Any]):
    time_intervals = IntervalsField(max_length=200)


class WordsSerializer(serializers.Serializer[Any]):
    words = serializers.CharField()
    muted_now = serializers.BooleanField()
    until = serializers.DateTimeField(allow_null=True)


class MuteTimesApi(ApiView):
    actions: ClassVar = {"GET": Action.ALERT_VIEW}

    @extend_schema(
        operation_id="list_mute_times",
        summary="List mute times, in words and whether they hold now",
        description="They are set with the routing.",
        tags=TAGS,
        parameters=list_parameters(("name",)),
        responses=list_schema(MuteTimeSerializer),
    )
    def get(self, request: Request) -> Response:
        document: Any = routes.document()
        search = request.query_params.get("search", "").strip().lower()
        rows = [each for each in document["time_intervals"] if search in each["name"].lower()]
        return list_answer(
            request,
            rows,
            lambda each: {**each, **_said(each["time_intervals"])},
            sortable=("name",),
            default_sort="name",
        )


class MuteTimeWordsApi(ApiView):
    actions: ClassVar = {"POST": Action.ALERT_VIEW}

    @extend_schema(
        operation_id="describe_time_intervals",
        summary="Say time intervals in words, and whether they hold now",
        description="Changes nothing.",
        tags=TAGS,
        request=IntervalsInput,
        responses={200: WordsSerializer},
        examples=[OpenApiExample("nights and weekends", EXAMPLE, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        try:
            return Response(_said(valid_data(IntervalsInput, request)["time_intervals"]))
        except BadInterval as error:
            raise Invalid(fields={"time_intervals": [f"{error}."]}) from error


def _said(intervals: list[Any]) -> dict[str, Any]:
    words, muted = described(intervals)
    return {"words": words, "muted_now": muted.now, "until": muted.until}
