"""/api/v1/operations/."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.audit import selectors
from controlplane.audit.models import Operation, Outcome
from controlplane.core.access import Action
from controlplane.core.rest import ApiView, list_answer, list_parameters, list_schema

SORT = ("started_at", "actor", "action", "cluster", "target", "outcome", "duration_ms", "seq")


class OperationSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="uid")
    seq = serializers.IntegerField(allow_null=True, help_text="Place in the hash chain; null while it runs.")
    started_at = serializers.DateTimeField()
    duration_ms = serializers.IntegerField()
    actor = serializers.CharField()
    actor_kind = serializers.CharField()
    action = serializers.CharField()
    title = serializers.CharField(help_text="What it did in words: the title of its plan.")
    cluster = serializers.CharField(allow_blank=True)
    also = serializers.CharField(
        allow_blank=True, help_text="The other cluster, of an act that is about two."
    )
    target = serializers.CharField(allow_blank=True)
    outcome = serializers.ChoiceField(Outcome.choices)
    error = serializers.CharField(allow_blank=True)
    request_id = serializers.CharField(allow_blank=True)
    job = serializers.UUIDField(
        allow_null=True, help_text="The job that did it, or that it started; null where there was none."
    )


class OperationDetailSerializer(OperationSerializer):
    plan = serializers.JSONField(allow_null=True)
    before = serializers.JSONField(allow_null=True)
    details = serializers.JSONField()
    previous_hash = serializers.CharField(allow_blank=True)
    hash = serializers.CharField(allow_blank=True)


def operation_json(row: Operation) -> dict[str, Any]:
    return dict(OperationSerializer(row).data)


def _text(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, description=description)


class Operations(ApiView):
    actions: ClassVar = {"GET": Action.AUDIT_VIEW}

    @extend_schema(
        operation_id="list_operations",
        summary="List operations (the audit)",
        tags=["operations"],
        parameters=[
            *list_parameters(SORT),
            _text("actor", "Exactly this actor."),
            _text("action", "Such as topic.create."),
            _text("cluster", "A cluster's name."),
            _text("target", "Exactly this object."),
            OpenApiParameter("job", {"type": "string", "format": "uuid"}, description="What this job did."),
            OpenApiParameter("outcome", str, enum=Outcome.values),
            OpenApiParameter("since", {"type": "string", "format": "date-time"}),
            OpenApiParameter("until", {"type": "string", "format": "date-time"}),
        ],
        responses=list_schema(OperationSerializer),
    )
    def get(self, request: Request) -> Response:
        filters = selectors.Filters.parse(request.query_params.dict(), strict=True)
        rows = selectors.operations(self.actor, filters)
        return list_answer(request, rows, operation_json, sortable=SORT, default_sort="-started_at")


class OperationDetail(ApiView):
    actions: ClassVar = {"GET": Action.AUDIT_VIEW}

    @extend_schema(
        operation_id="describe_operation",
        summary="Describe an operation, with its plan and before-image",
        tags=["operations"],
        responses=OperationDetailSerializer,
    )
    def get(self, request: Request, uid: uuid.UUID) -> Response:
        return Response(OperationDetailSerializer(selectors.get_operation(self.actor, str(uid))).data)
