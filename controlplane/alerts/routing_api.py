"""The alerts API, who is told: receivers, the routing, what was sent."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.alerts.models import Notification, NotificationKind, NotificationState, Receiver
from controlplane.alerts.serializers import (
    AlterReceiverInput,
    AttemptSerializer,
    NotificationRowSerializer,
    NotificationSerializer,
    ReceiverInput,
    ReceiverSerializer,
    RoutingInput,
    RoutingSerializer,
    attempt_json,
    notification_json,
    receiver_json,
)
from controlplane.alerts.services import permits, receiving, routes
from controlplane.alerts.services.receiving import ReceiverRequest
from controlplane.core.access import Action, Actor, can
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
    or_plan,
    valid_data,
    with_etag,
)

RECEIVER_SORT = ("name", "kind", "created_at")
NOTIFICATION_SORT = ("created_at", "finished_at", "attempts", "state", "receiver_name")
RECEIVER_OR_PLAN = or_plan("ReceiverOrPlan", ReceiverSerializer)
ROUTING_OR_PLAN = or_plan("RoutingOrPlan", RoutingSerializer)
ATTEMPT_OR_PLAN = or_plan("AttemptOrPlan", AttemptSerializer)
TAGS = ["alerts"]


class ReceiversApi(ApiView):
    actions: ClassVar = {"GET": Action.ALERT_VIEW, "POST": Action.ALERT_ROUTE}

    @extend_schema(
        operation_id="list_receivers",
        summary="List receivers",
        tags=TAGS,
        parameters=list_parameters(RECEIVER_SORT),
        responses=list_schema(ReceiverSerializer),
    )
    def get(self, request: Request) -> Response:
        found = Receiver.objects.all()
        if search := request.query_params.get("search", "").replace("\0", "").strip():
            found = found.filter(name__icontains=search)
        whole = can(self.actor, Action.ALERT_ROUTE, None).allowed
        return list_answer(
            request,
            found,
            lambda row: receiver_json(row, whole=whole),
            sortable=RECEIVER_SORT,
            default_sort="name",
        )

    @extend_schema(
        operation_id="create_receiver",
        summary="Create a receiver",
        description="The shipped routing tells every receiver of everything, until routes are set.",
        tags=TAGS,
        parameters=[DRY_RUN],
        request=ReceiverInput,
        responses={201: ReceiverSerializer, 200: PlanSerializer},
        examples=[
            OpenApiExample(
                "on call",
                {"name": "on-call", "kind": "webhook", "url": "https://hooks.example.org/kafka"},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        data = valid_data(ReceiverInput, request)
        wanted = ReceiverRequest(**data)

        def apply(plan: Plan) -> Response:
            return _receiver(self.actor, receiving.apply_create(self.actor, wanted, plan), status=201)

        return change(request, receiving.plan_create(wanted), apply, conditional=False)


class ReceiverApi(ApiView):
    actions: ClassVar = {
        "GET": Action.ALERT_VIEW,
        "PATCH": Action.ALERT_ROUTE,
        "DELETE": Action.ALERT_ROUTE,
    }

    @extend_schema(
        operation_id="describe_receiver", summary="Read a receiver", tags=TAGS, responses=ReceiverSerializer
    )
    def get(self, request: Request, receiver: int) -> Response:
        return _receiver(self.actor, receiving.get(receiver))

    @extend_schema(
        operation_id="alter_receiver",
        summary="Change a receiver",
        tags=TAGS,
        parameters=[DRY_RUN, IF_MATCH],
        request=AlterReceiverInput,
        responses={200: RECEIVER_OR_PLAN},
        examples=[OpenApiExample("only what fires", {"send_resolved": False}, request_only=True)],
    )
    def patch(self, request: Request, receiver: int) -> Response:
        row, data = receiving.get(receiver), valid_data(AlterReceiverInput, request)
        wanted = replace(receiving.request_of(row), **data)

        def apply(plan: Plan) -> Response:
            return _receiver(self.actor, receiving.apply_alter(self.actor, row, wanted, plan))

        return change(request, receiving.plan_alter(row, wanted), apply)

    @extend_schema(
        operation_id="delete_receiver",
        summary="Delete a receiver",
        tags=TAGS,
        parameters=[DRY_RUN, IF_MATCH],
        responses={204: None, 200: PlanSerializer},
    )
    def delete(self, request: Request, receiver: int) -> Response:
        row = receiving.get(receiver)

        def apply(plan: Plan) -> Response:
            receiving.apply_delete(self.actor, row, plan)
            return Response(status=204)

        return change(request, receiving.plan_delete(row), apply)


class ReceiverTestApi(ApiView):
    actions: ClassVar = {"POST": Action.ALERT_ROUTE}

    @extend_schema(
        operation_id="test_receiver",
        summary="Send a test to a receiver",
        description="One marked message; the answer is what became of it.",
        tags=TAGS,
        parameters=[DRY_RUN],
        request=None,
        responses={200: ATTEMPT_OR_PLAN},
    )
    def post(self, request: Request, receiver: int) -> Response:
        row = receiving.get(receiver)

        def apply(plan: Plan) -> Response:
            return Response(attempt_json(receiving.apply_test(self.actor, row, plan)))

        return change(request, receiving.plan_test(row), apply, conditional=False)


class RoutesApi(ApiView):
    actions: ClassVar = {"GET": Action.ALERT_VIEW, "PUT": Action.ALERT_ROUTE}

    @extend_schema(
        operation_id="describe_routing",
        summary="Read the routing: tree, inhibitions, mute times",
        tags=TAGS,
        responses=RoutingSerializer,
    )
    def get(self, request: Request) -> Response:
        return _routing()

    @extend_schema(
        operation_id="replace_routing",
        summary="Set the routing",
        tags=TAGS,
        parameters=[DRY_RUN, IF_MATCH],
        request=RoutingInput,
        responses={200: ROUTING_OR_PLAN},
        examples=[
            OpenApiExample(
                "critical ones at once",
                {
                    "route": {
                        "receiver": "*",
                        "group_by": ["alertname", "cluster"],
                        "routes": [{"matchers": ['severity="critical"'], "group_wait": "0s"}],
                    }
                },
                request_only=True,
            )
        ],
    )
    def put(self, request: Request) -> Response:
        given = valid_data(RoutingInput, request)

        def apply(plan: Plan) -> Response:
            routes.apply_put(self.actor, given, plan)
            return _routing()

        return change(request, routes.plan_put(given), apply)


class NotificationsView(ApiView):
    def notifications(self) -> QuerySet[Notification]:
        """Those about one cluster are for whoever sees it, the others for whoever sees all."""
        found = Notification.objects.all()
        if permits.sees_all(self.actor):
            return found
        return found.filter(cluster__in=permits.visible_clusters(self.actor))

    def notification(self, pk: int) -> Notification:
        row = self.notifications().select_related("receiver").filter(pk=pk).first()
        if row is None:
            raise NotFound("There is no such notification")
        return row


class NotificationsApi(NotificationsView):
    actions: ClassVar = {"GET": Action.ALERT_VIEW}

    @extend_schema(
        operation_id="list_notifications",
        summary="List notifications",
        description="What is waiting to be sent, and what was.",
        tags=TAGS,
        parameters=[
            *list_parameters(NOTIFICATION_SORT, search="Any part of the receiver's name or the group's key."),
            OpenApiParameter("state", str, enum=NotificationState.values),
            OpenApiParameter("kind", str, enum=NotificationKind.values),
        ],
        responses=list_schema(NotificationRowSerializer),
    )
    def get(self, request: Request) -> Response:
        found, query = self.notifications(), request.query_params
        for name in ("state", "kind"):
            if name in query:
                found = found.filter(**{name: query[name]})
        if search := query.get("search", "").replace("\0", "").strip():
            found = found.filter(receiver_name__icontains=search) | found.filter(group_key__icontains=search)
        return list_answer(
            request, found, notification_json, sortable=NOTIFICATION_SORT, default_sort="-created_at"
        )


class NotificationApi(NotificationsView):
    actions: ClassVar = {"GET": Action.ALERT_VIEW}

    @extend_schema(
        operation_id="describe_notification",
        summary="Read a notification with its attempts",
        tags=TAGS,
        responses=NotificationSerializer,
    )
    def get(self, request: Request, notification: int) -> Response:
        row = self.notification(notification)
        deliveries = [attempt_json(each) for each in row.deliveries.all()]
        return Response({**notification_json(row), "payload": row.payload, "deliveries": deliveries})


class ReplayApi(NotificationsView):
    actions: ClassVar = {"POST": Action.ALERT_ROUTE}

    @extend_schema(
        operation_id="replay_notification",
        summary="Send a notification again",
        description="The same message under the same id, once.",
        tags=TAGS,
        parameters=[DRY_RUN],
        request=None,
        responses={200: ATTEMPT_OR_PLAN},
    )
    def post(self, request: Request, notification: int) -> Response:
        row = self.notification(notification)

        def apply(plan: Plan) -> Response:
            return Response(attempt_json(receiving.apply_replay(self.actor, row, plan)))

        return change(request, receiving.plan_replay(row), apply, conditional=False)


def _routing() -> Response:
    return with_etag(Response(routes.document()), routes.digest())


def _receiver(actor: Actor, row: Receiver, status: int = 200) -> Response:
    whole = can(actor, Action.ALERT_ROUTE, None).allowed
    return with_etag(Response(receiver_json(row, whole=whole), status=status), receiving.digest_of(row))
