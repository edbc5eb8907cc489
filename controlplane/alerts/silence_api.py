"""The alerts API: silences."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db.models import Q, QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.alerts.models import Silence
from controlplane.alerts.serializers import SILENCE_STATES, SilenceInput, SilenceSerializer, silence_json
from controlplane.alerts.services import permits, silencing
from controlplane.alerts.services.silencing import SilenceRequest
from controlplane.core.access import Action
from controlplane.core.errors import NotFound
from controlplane.core.plans import Plan
from controlplane.core.rest import (
    DRY_RUN,
    IF_MATCH,
    ApiView,
    PlanSerializer,
    change,
    list_answer,
    list_parameters,
    list_schema,
    valid_data,
    with_etag,
)

SILENCE_SORT = ("starts_at", "ends_at", "created_by", "created_at")
TAGS = ["alerts"]


class SilencesView(ApiView):
    def silences(self) -> QuerySet[Silence]:
        visible = permits.visible_clusters(self.actor)
        return Silence.objects.filter(Q(cluster="") | Q(cluster__in=visible))

    def silence(self, pk: uuid.UUID) -> Silence:
        row = self.silences().filter(pk=pk).first()
        if row is None:
            raise NotFound("There is no such silence")
        return row


class SilencesApi(SilencesView):
    actions: ClassVar = {"GET": Action.ALERT_VIEW, "POST": Action.ALERT_SILENCE}

    @extend_schema(
        operation_id="list_silences",
        summary="List silences",
        tags=TAGS,
        parameters=[
            *list_parameters(SILENCE_SORT, search="Any part of its comment or author."),
            OpenApiParameter("state", str, enum=SILENCE_STATES),
        ],
        responses=list_schema(SilenceSerializer),
    )
    def get(self, request: Request) -> Response:
        found, now, state = self.silences(), timezone.now(), request.query_params.get("state")
        if search := request.query_params.get("search", "").replace("\0", "").strip():
            found = found.filter(Q(comment__icontains=search) | Q(created_by__icontains=search))
        match state:
            case "active":
                found = found.filter(starts_at__lte=now, ends_at__gt=now)
            case "pending":
                found = found.filter(starts_at__gt=now)
            case "expired":
                found = found.filter(ends_at__lte=now)
        return list_answer(
            request,
            found,
            lambda row: silence_json(row, silencing.state_of(row, now)),
            sortable=SILENCE_SORT,
            default_sort="-ends_at",
        )

    @extend_schema(
        operation_id="create_silence",
        summary="Create a silence",
        tags=TAGS,
        parameters=[DRY_RUN],
        request=SilenceInput,
        responses={201: SilenceSerializer, 200: PlanSerializer},
        examples=[
            OpenApiExample(
                "maintenance",
                {
                    "matchers": ['broker="2"'],
                    "cluster": "main",
                    "ends_at": "2030-01-01T06:00:00Z",
                    "comment": "New disks",
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        data = valid_data(SilenceInput, request)
        wanted = SilenceRequest(
            tuple(data["matchers"]),
            data["ends_at"],
            data["comment"],
            data.get("starts_at"),
            data.get("cluster", ""),
        )

        def apply(plan: Plan) -> Response:
            return _silence(silencing.apply_create(self.actor, wanted, plan), status=201)

        return change(request, silencing.plan_create(self.actor, wanted), apply, conditional=False)


class SilenceApi(SilencesView):
    actions: ClassVar = {"GET": Action.ALERT_VIEW, "DELETE": Action.ALERT_SILENCE}

    @extend_schema(
        operation_id="describe_silence", summary="Read a silence", tags=TAGS, responses=SilenceSerializer
    )
    def get(self, request: Request, silence: uuid.UUID) -> Response:
        return _silence(self.silence(silence))

    @extend_schema(
        operation_id="end_silence",
        summary="End a silence",
        description="At once; it stays in the list as expired.",
        tags=TAGS,
        parameters=[DRY_RUN, IF_MATCH],
        responses={204: None, 200: PlanSerializer},
    )
    def delete(self, request: Request, silence: uuid.UUID) -> Response:
        row = self.silence(silence)

        def apply(plan: Plan) -> Response:
            silencing.apply_expire(self.actor, row, plan)
            return Response(status=204)

        return change(request, silencing.plan_expire(self.actor, row), apply)


def _silence(row: Silence, status: int = 200) -> Response:
    state = silencing.state_of(row, timezone.now())
    return with_etag(Response(silence_json(row, state), status=status), silencing.digest_of(row))
