"""The quotas API. Raw numbers, Kafka's own names. An entity's part that is null (in a query: empty) is the default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    extend_schema,
)
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.clusters.rest import ClusterApiView, PlanSerializer, change
from controlplane.core.access import Action
from controlplane.core.errors import Invalid
from controlplane.core.plans import Plan
from controlplane.core.rest import (
    DRY_RUN,
    IF_MATCH,
    list_answer,
    list_parameters,
    list_schema,
    or_plan,
    valid_data,
    with_etag,
)
from controlplane.gateways.kafka.access_types import QuotaEntity
from controlplane.metrics.clients import Use
from controlplane.quotas import selectors, services
from controlplane.quotas.forms import bare_user, entity_from
from controlplane.quotas.logic.effective import Effective, all_effective, effective_for_ip
from controlplane.quotas.logic.entities import KEYS, check_entity, entity_of
from controlplane.quotas.logic.plans import AlterQuotas

SORTABLE = ("name", *(key.name for key in KEYS))
CLIENT_SORTABLE = ("user", "client_id", "produce", "consume", "request", "throttle")
ENTITY = [
    OpenApiParameter("user", str, description="Empty: the default user."),
    OpenApiParameter("client_id", str, description="Empty: the default client id."),
    OpenApiParameter("ip", str, description="Empty: the default address."),
]


class QuotaSerializer(serializers.Serializer[Any]):
    """A quota entity, read live. `etag` is what If-Match takes for this entity."""

    entity = serializers.DictField(
        child=serializers.CharField(allow_null=True), help_text="user, client-id, ip; null is the default."
    )
    quotas = serializers.DictField(child=serializers.FloatField())
    etag = serializers.CharField()


class QuotaInput(serializers.Serializer[Any]):
    entity = serializers.DictField(
        child=serializers.CharField(allow_null=True, max_length=1000, trim_whitespace=False)
    )
    quotas = serializers.DictField(
        child=serializers.FloatField(allow_null=True), help_text="null removes a limit; others stay."
    )


class RungSerializer(serializers.Serializer[Any]):
    level = serializers.IntegerField()
    entity = serializers.DictField(child=serializers.CharField(allow_null=True))
    value = serializers.FloatField(allow_null=True)
    decides = serializers.BooleanField()


class UseSerializer(serializers.Serializer[Any]):
    rates = serializers.DictField(child=serializers.FloatField(), help_text="Per broker.")
    throttle_ms = serializers.FloatField(help_text="The longest on any broker.")


class EffectiveSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    value = serializers.FloatField(allow_null=True, help_text="null: no limit.")
    decided_by = serializers.DictField(child=serializers.CharField(allow_null=True), allow_null=True)
    shared = serializers.CharField(allow_blank=True, help_text="Who draws on the same budget.")
    ladder = RungSerializer(many=True)
    observed = UseSerializer(allow_null=True, help_text="null: no broker counts this client now.")


class EffectiveAnswerSerializer(serializers.Serializer[Any]):
    user = serializers.CharField(allow_null=True)
    client_id = serializers.CharField(allow_null=True)
    ip = serializers.CharField(allow_null=True)
    quotas = EffectiveSerializer(many=True)


class QuotaClientSerializer(serializers.Serializer[Any]):
    """Empty user or client id: the sensor counts all users of the client id, or all client ids of the user."""

    user = serializers.CharField(allow_blank=True)
    client_id = serializers.CharField(allow_blank=True)
    use = serializers.DictField(child=UseSerializer(), help_text="By quota key.")
    limits = serializers.DictField(child=serializers.FloatField(allow_null=True), help_text="By quota key.")


QUOTA_OR_PLAN = or_plan("QuotaOrPlan", QuotaSerializer)


class QuotasApi(ClusterApiView):
    actions: ClassVar = {
        "GET": Action.QUOTA_VIEW,
        "POST": Action.QUOTA_EDIT,
        "PUT": Action.QUOTA_EDIT,
        "DELETE": Action.QUOTA_EDIT,
    }

    @extend_schema(
        operation_id="list_quotas",
        summary="List quotas",
        parameters=list_parameters(SORTABLE),
        responses=list_schema(QuotaSerializer),
    )
    def get(self, request: Request, cluster: str) -> Response:
        rows = selectors.quota_rows(self.cluster, search=request.query_params.get("search", "").strip())
        return list_answer(request, rows, _row, sortable=SORTABLE, default_sort="name", as_of=timezone.now())

    @extend_schema(
        operation_id="set_quota",
        summary="Set a quota",
        parameters=[DRY_RUN],
        request=QuotaInput,
        responses={201: QuotaSerializer, 200: QUOTA_OR_PLAN},
        examples=[
            OpenApiExample(
                "10 MB/s for each client id of a user",
                {
                    "entity": {"user": "orders-app", "client-id": None},
                    "quotas": {"producer_byte_rate": 10000000},
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, cluster: str) -> Response:
        return self._alter(request, conditional=False)

    @extend_schema(
        operation_id="alter_quota",
        summary="Change a quota",
        parameters=[DRY_RUN, IF_MATCH],
        request=QuotaInput,
        responses={200: QUOTA_OR_PLAN},
        examples=[
            OpenApiExample(
                "one limit anew, one removed",
                {
                    "entity": {"user": "orders-app"},
                    "quotas": {"producer_byte_rate": 20000000, "consumer_byte_rate": None},
                },
                request_only=True,
            )
        ],
    )
    def put(self, request: Request, cluster: str) -> Response:
        return self._alter(request, conditional=True)

    @extend_schema(
        operation_id="delete_quota",
        summary="Remove all limits of an entity",
        parameters=[DRY_RUN, IF_MATCH, *ENTITY],
        request=None,
        responses={204: None, 200: PlanSerializer},
    )
    def delete(self, request: Request, cluster: str) -> Response:
        entity = _asked_entity(request)

        def apply(plan: Plan) -> Response:
            services.apply_delete(self.actor, self.cluster, entity, plan)
            return Response(status=204)

        return change(request, services.plan_delete(self.cluster, entity), apply)

    def _alter(self, request: Request, *, conditional: bool) -> Response:
        data = valid_data(QuotaInput, request)
        wanted = AlterQuotas(_checked(data["entity"]), data["quotas"])
        new = not selectors.quotas(self.cluster).get(wanted.entity)

        def apply(plan: Plan) -> Response:
            services.apply_alter(self.actor, self.cluster, wanted, plan)
            return _answer(self, wanted.entity, status=201 if new and not conditional else 200)

        return change(request, services.plan_alter(self.cluster, wanted), apply, conditional=conditional)


class QuotaRevertApi(ClusterApiView):
    actions: ClassVar = {"POST": Action.QUOTA_EDIT}

    @extend_schema(
        operation_id="revert_quota",
        summary="Revert a change of a quota",
        description="`operation` is the id of a succeeded change under Operations: the entity's limits become what it found.",
        parameters=[DRY_RUN, IF_MATCH],
        request=None,
        responses={200: QUOTA_OR_PLAN},
    )
    def post(self, request: Request, cluster: str, operation: UUID) -> Response:
        wanted, plan = services.plan_revert(self.cluster, str(operation))

        def apply(plan: Plan) -> Response:
            services.apply_alter(self.actor, self.cluster, wanted, plan)
            return _answer(self, wanted.entity, status=200)

        return change(request, plan, apply)


class EffectiveApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.QUOTA_VIEW}

    @extend_schema(
        operation_id="read_effective_quota",
        summary="Which quota holds for a client, and why",
        parameters=[
            OpenApiParameter("user", str, description="The name; `User:` before it is taken off."),
            OpenApiParameter("client_id", str, description="Empty: a client that sends none."),
            OpenApiParameter("ip", str, description="Instead: for connections from this address."),
        ],
        responses=EffectiveAnswerSerializer,
    )
    def get(self, request: Request, cluster: str) -> Response:
        query = request.query_params
        user, client_id, ip = bare_user(query.get("user", "")), query.get("client_id", ""), query.get("ip")
        if not (user or ip):
            raise Invalid(fields={"user": ["Name the user, or an address as ip."]})
        found = selectors.quotas(self.cluster)
        if not user:
            rows = [_effective(effective_for_ip(found, ip or ""), None)]
            return Response({"user": None, "client_id": None, "ip": ip, "quotas": rows})
        seen = selectors.observed(self.cluster, user, client_id)
        rows = [
            _effective(each, seen[each.key.name][0] if each.key.name in seen else None)
            for each in all_effective(found, user, client_id)
        ]
        return Response({"user": user, "client_id": client_id, "ip": None, "quotas": rows})


class ClientsApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.QUOTA_VIEW}

    @extend_schema(
        operation_id="list_quota_clients",
        summary="List what clients use beside their limits",
        parameters=list_parameters(CLIENT_SORTABLE),
        responses=list_schema(QuotaClientSerializer),
    )
    def get(self, request: Request, cluster: str) -> Response:
        found = selectors.quotas(self.cluster)
        search = request.query_params.get("search", "").strip()
        rows = selectors.client_rows(self.cluster, found, search=search)
        return list_answer(request, rows, _client, sortable=CLIENT_SORTABLE, default_sort="user")


class ObserveApi(ClusterApiView):
    actions: ClassVar = {"POST": Action.QUOTA_EDIT, "DELETE": Action.QUOTA_EDIT}

    @extend_schema(
        operation_id="observe_clients",
        summary="Observe all clients by a quota that never throttles",
        parameters=[DRY_RUN],
        request=None,
        responses={204: None, 200: PlanSerializer},
    )
    def post(self, request: Request, cluster: str) -> Response:
        requests, plan = services.plan_observe(self.cluster)
        return change(request, plan, lambda plan: self._apply(requests, plan), conditional=False)

    @extend_schema(
        operation_id="stop_observing_clients",
        summary="Remove the observing quotas",
        parameters=[DRY_RUN, IF_MATCH],
        responses={204: None, 200: PlanSerializer},
    )
    def delete(self, request: Request, cluster: str) -> Response:
        requests, plan = services.plan_stop_observing(self.cluster)
        return change(request, plan, lambda plan: self._apply(requests, plan))

    def _apply(self, requests: tuple[AlterQuotas, ...], plan: Plan) -> Response:
        services.apply_many(self.actor, self.cluster, requests, plan)
        return Response(status=204)


def _asked_entity(request: Request) -> QuotaEntity:
    """In the query; a body `{"entity": …}` is taken too, as PUT and POST have it."""
    body = request.data
    if isinstance(body, Mapping) and "entity" in body:
        given = body["entity"]
        if not isinstance(given, Mapping) or any(not isinstance(v, str | None) for v in given.values()):
            raise Invalid(fields={"entity": ["An object of user, client-id or ip to a name or null."]})
        return _checked({str(kind): name for kind, name in given.items()})
    return _checked(dict(entity_from(request.query_params.dict())))


def _checked(parts: Mapping[str, str | None]) -> QuotaEntity:
    entity = entity_of(parts)
    refusal = check_entity(entity)
    if refusal:
        raise Invalid(fields={"entity": [f"{refusal.what}. {refusal.hint}"]})
    return entity


def _answer(view: ClusterApiView, entity: QuotaEntity, *, status: int) -> Response:
    state = selectors.state(view.cluster)
    row = selectors.QuotaRow(entity, state.of(entity), state.digest(entity))
    return with_etag(Response(_row(row), status=status), row.digest)


def _row(row: selectors.QuotaRow) -> dict[str, Any]:
    return {"entity": dict(row.entity), "quotas": dict(row.values), "etag": row.digest}


def _effective(found: Effective, use: Use | None) -> dict[str, Any]:
    return {
        "key": found.key.name,
        "value": found.value,
        "decided_by": dict(found.entity) if found.entity is not None else None,
        "shared": found.shared,
        "ladder": [
            {"level": rung.level, "entity": dict(rung.entity), "value": rung.value, "decides": rung.decides}
            for rung in found.ladder
        ],
        "observed": _use(use) if use else None,
    }


def _client(row: selectors.ClientRow) -> dict[str, Any]:
    return {
        "user": row.user,
        "client_id": row.client_id,
        "use": {key: _use(each.use) for key, each in row.by_key.items() if each.use},
        "limits": {key: each.limit for key, each in row.by_key.items()},
    }


def _use(use: Use) -> dict[str, Any]:
    return {"rates": dict(use.rates), "throttle_ms": use.throttle_ms}
