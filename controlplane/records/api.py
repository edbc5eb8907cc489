"""The records API: browse and produce. Bytes that are not UTF-8 travel as base64."""

from __future__ import annotations

import base64
import binascii
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.clusters.rest import ClusterApiView
from controlplane.core.access import Action
from controlplane.core.errors import Invalid
from controlplane.core.plans import Plan
from controlplane.core.rest import DRY_RUN, PlanSerializer, change, valid_data
from controlplane.gateways.kafka.types import ProducedRecord, Record
from controlplane.records import selectors, services
from controlplane.records.forms import BrowseForm
from controlplane.records.logic.plans import NewRecord
from controlplane.records.logic.seek import MAX_LIMIT, SeekMode
from controlplane.records.services import MAX_RECORDS


class RecordSerializer(serializers.Serializer[Any]):
    """`key` and `value` are text, or null with the bytes in `…_base64` where they are not UTF-8."""

    partition = serializers.IntegerField()
    offset = serializers.IntegerField()
    timestamp_ms = serializers.IntegerField(allow_null=True)
    key = serializers.CharField(allow_null=True)
    key_base64 = serializers.CharField(required=False)
    value = serializers.CharField(allow_null=True)
    value_base64 = serializers.CharField(required=False)
    value_size = serializers.IntegerField()
    truncated = serializers.BooleanField()
    headers = serializers.ListField(child=serializers.DictField())


class BrowseAnswer(serializers.Serializer[Any]):
    """`complete` is false when the time for one read was over first; go on from `next_offsets`."""

    records = RecordSerializer(many=True)
    next_offsets = serializers.DictField(child=serializers.IntegerField())
    complete = serializers.BooleanField()


class NewRecordInput(serializers.Serializer[Any]):
    key = serializers.CharField(required=False, allow_null=True, allow_blank=True, trim_whitespace=False)
    key_base64 = serializers.CharField(required=False)
    value = serializers.CharField(required=False, allow_null=True, allow_blank=True, trim_whitespace=False)
    value_base64 = serializers.CharField(required=False)
    headers = serializers.DictField(
        child=serializers.CharField(allow_blank=True, allow_null=True), required=False
    )
    partition = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=100_000)


class ProduceInput(serializers.Serializer[Any]):
    records = NewRecordInput(many=True, min_length=1, max_length=MAX_RECORDS)  # type: ignore[call-arg]


class ProducedSerializer(serializers.Serializer[Any]):
    partition = serializers.IntegerField()
    offset = serializers.IntegerField()
    timestamp_ms = serializers.IntegerField(allow_null=True)


class ProduceAnswer(serializers.Serializer[Any]):
    records = ProducedSerializer(many=True)


class RecordsApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.TOPIC_READ_RECORDS, "POST": Action.TOPIC_PRODUCE}

    @extend_schema(
        summary="Browse records",
        parameters=[
            OpenApiParameter("seek", str, enum=[mode.value for mode in SeekMode]),
            OpenApiParameter("partition", {"type": "integer", "minimum": 0}),
            OpenApiParameter("offset", {"type": "integer", "minimum": 0}),
            OpenApiParameter("time", str, description="With seek=time: YYYY-MM-DDTHH:MM:SS, UTC."),
            OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}),
        ],
        responses=BrowseAnswer,
    )
    def get(self, request: Request, cluster: str, topic: str) -> Response:
        form = BrowseForm(request.query_params)
        if not form.is_valid():
            raise Invalid(
                fields={name: [str(error) for error in errors] for name, errors in form.errors.items()}
            )
        found = selectors.browse(self.cluster, topic, form.to_request())
        return Response(
            {
                "records": [record_json(row.record) for row in found.records],
                "next_offsets": {str(partition): offset for partition, offset in found.next_offsets.items()},
                "complete": found.complete,
            }
        )

    @extend_schema(
        summary="Produce records",
        parameters=[DRY_RUN],
        request=ProduceInput,
        responses={201: ProduceAnswer, 200: PlanSerializer},
        examples=[
            OpenApiExample(
                "one",
                {"records": [{"key": "42", "value": '{"total": 9.5}', "headers": {"source": "shop"}}]},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, cluster: str, topic: str) -> Response:
        wanted = [new_record(raw) for raw in valid_data(ProduceInput, request)["records"]]

        def apply(plan: Plan) -> Response:
            sent = services.apply_produce(self.actor, self.cluster, topic, wanted, plan)
            return Response({"records": [produced_json(each) for each in sent]}, status=201)

        return change(request, services.plan_produce(self.cluster, topic, wanted), apply, conditional=False)


def produced_json(sent: ProducedRecord) -> dict[str, Any]:
    return {"partition": sent.partition, "offset": sent.offset, "timestamp_ms": sent.timestamp_ms}


def new_record(raw: dict[str, Any]) -> NewRecord:
    headers = tuple(
        (name, None if value is None else value.encode()) for name, value in raw.get("headers", {}).items()
    )
    return NewRecord(_bytes(raw, "key"), _bytes(raw, "value"), headers, raw.get("partition"))


def _bytes(raw: dict[str, Any], name: str) -> bytes | None:
    encoded = raw.get(f"{name}_base64")
    if encoded is not None:
        if raw.get(name) is not None:
            raise Invalid(fields={name: [f"Give {name} or {name}_base64, not both."]})
        try:
            return base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise Invalid(fields={f"{name}_base64": ["This is not base64."]}) from None
    text = raw.get(name)
    return None if text is None else str(text).encode()


def record_json(record: Record) -> dict[str, Any]:
    return {
        "partition": record.partition,
        "offset": record.offset,
        "timestamp_ms": record.timestamp_ms,
        **_text("key", record.key),
        **_text("value", record.value),
        "value_size": record.value_size,
        "truncated": record.truncated,
        "headers": [{"name": name, **_text("value", value)} for name, value in record.headers],
    }


def _text(name: str, data: bytes | None) -> dict[str, Any]:
    if data is None:
        return {name: None}
    try:
        return {name: data.decode("utf-8")}
    except UnicodeDecodeError:
        return {name: None, f"{name}_base64": base64.b64encode(data).decode()}
