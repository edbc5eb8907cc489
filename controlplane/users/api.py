"""The API of the SCRAM users. Same services as the pages. A password is in exactly one answer: the one that made it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
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
from controlplane.core.plans import Plan
from controlplane.core.rest import (
    DRY_RUN,
    IF_MATCH,
    flag,
    list_answer,
    list_parameters,
    list_schema,
    or_plan,
    valid_data,
    with_etag,
)
from controlplane.gateways.kafka.access_types import ScramCredential
from controlplane.users import selectors, services
from controlplane.users.forms import MECHANISM_CHOICES, mechanisms_of
from controlplane.users.logic.plans import (
    DEFAULT_ITERATIONS,
    MAX_ITERATIONS,
    MECHANISMS,
    MIN_ITERATIONS,
    DeleteUser,
    SetCredentials,
)
from controlplane.users.logic.state import UserState, describe_acl

SORTABLE = ("name", "iterations", "acls", "quotas")
CHOICES = [choice for choice, _ in MECHANISM_CHOICES]


class ScramCredentialSerializer(serializers.Serializer[Any]):
    mechanism = serializers.CharField()
    iterations = serializers.IntegerField()


class KafkaUserRowSerializer(serializers.Serializer[Any]):
    """A SCRAM user, read live. `acls` and `quotas` are null where they could not be read."""

    name = serializers.CharField()
    credentials = ScramCredentialSerializer(many=True)
    acls = serializers.IntegerField(allow_null=True, help_text="ACLs of exactly this principal.")
    quotas = serializers.IntegerField(allow_null=True, help_text="Quota entities that name this user.")
    blocked = serializers.BooleanField(allow_null=True, help_text="Everything is denied to its principal.")
    reserved = serializers.BooleanField(help_text="Kastellan's own; it cannot be changed here.")


class BoundQuotaSerializer(serializers.Serializer[Any]):
    entity = serializers.DictField(child=serializers.CharField(allow_null=True))
    quotas = serializers.DictField(child=serializers.FloatField())


class KafkaUserSerializer(serializers.Serializer[Any]):
    """A SCRAM user with everything that is bound to its principal. The answer's ETag is what If-Match takes."""

    name = serializers.CharField()
    principal = serializers.CharField()
    credentials = ScramCredentialSerializer(many=True)
    acls = serializers.ListField(child=serializers.CharField(), help_text="As kafka-acls.sh lists them.")
    quotas = BoundQuotaSerializer(many=True)
    reserved = serializers.BooleanField()
    blocked = serializers.BooleanField(help_text="Everything is denied to the principal.")
    revoked_certificates = serializers.ListField(
        child=serializers.CharField(),
        help_text="Serials of this name that are revoked, and that brokers accept still.",
    )
    seen_last_hour = serializers.BooleanField(
        allow_null=True, help_text="null: unknown, Kafka lists no connections by principal."
    )


class IssuedSerializer(KafkaUserSerializer):
    """Answered once; a repeat under the same Idempotency-Key has null for both secrets."""

    password = serializers.CharField()
    files = serializers.DictField(
        child=serializers.CharField(), help_text="Client configuration by file name; it holds the password."
    )
    confirmed = serializers.BooleanField(help_text="Every broker that answers let the new password in.")


class CredentialsInput(serializers.Serializer[Any]):
    mechanism = serializers.ChoiceField(
        choices=CHOICES, required=False, help_text="SCRAM-SHA-512 unless told."
    )
    password = serializers.CharField(
        required=False, max_length=1000, trim_whitespace=False, help_text="Generated unless given."
    )
    iterations = serializers.IntegerField(min_value=MIN_ITERATIONS, max_value=MAX_ITERATIONS, required=False)


class CreateKafkaUserInput(CredentialsInput):
    name = serializers.CharField(max_length=300, trim_whitespace=False)


ISSUED_OR_PLAN = or_plan("IssuedOrPlan", IssuedSerializer)


class KafkaUsersApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.KAFKA_USER_VIEW, "POST": Action.KAFKA_USER_EDIT}
    shown_once: ClassVar = frozenset({"password", "files"})

    @extend_schema(
        operation_id="list_kafka_users",
        summary="List SCRAM users",
        parameters=list_parameters(SORTABLE),
        responses=list_schema(KafkaUserRowSerializer),
    )
    def get(self, request: Request, cluster: str) -> Response:
        search = request.query_params.get("search", "").strip()
        rows = selectors.user_rows(self.cluster, search=search)
        return list_answer(request, rows, _row, sortable=SORTABLE, default_sort="name", as_of=timezone.now())

    @extend_schema(
        operation_id="create_kafka_user",
        summary="Create a SCRAM user",
        parameters=[DRY_RUN],
        request=CreateKafkaUserInput,
        responses={201: IssuedSerializer, 200: PlanSerializer},
        examples=[
            OpenApiExample(
                "generated password", {"name": "orders-app", "mechanism": "SCRAM-SHA-512"}, request_only=True
            )
        ],
    )
    @sensitive_variables("data", "password")
    def post(self, request: Request, cluster: str) -> Response:
        data = valid_data(CreateKafkaUserInput, request)
        wanted, password = _wanted(data["name"], data), data.get("password")

        def apply(plan: Plan) -> Response:
            issued = services.apply_credentials(self.actor, self.cluster, wanted, plan, password)
            return _issued(self, issued, status=201)

        return change(request, services.plan_create(self.cluster, wanted, password), apply, conditional=False)


class KafkaUserApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.KAFKA_USER_VIEW, "DELETE": Action.KAFKA_USER_EDIT}

    @extend_schema(operation_id="read_kafka_user", summary="Read a SCRAM user", responses=KafkaUserSerializer)
    def get(self, request: Request, cluster: str, user: str) -> Response:
        state = selectors.existing(self.cluster, user)
        return with_etag(Response(_user(state)), state.digest)

    @extend_schema(
        operation_id="delete_kafka_user",
        summary="Delete a SCRAM user",
        parameters=[
            DRY_RUN,
            IF_MATCH,
            OpenApiParameter("mechanism", str, enum=list(MECHANISMS), description="Only this credential."),
            OpenApiParameter("acls", bool, description="Also delete the ACLs of the principal."),
            OpenApiParameter("quotas", bool, description="Also delete the quotas of the user."),
            OpenApiParameter(
                "block", bool, description="Also block the principal, whatever it logs in with."
            ),
        ],
        responses={204: None, 200: PlanSerializer},
    )
    def delete(self, request: Request, cluster: str, user: str) -> Response:
        mechanism = request.query_params.get("mechanism", "")
        mechanisms = (mechanism,) if mechanism else ()
        wanted = DeleteUser(
            user, mechanisms, flag(request, "acls"), flag(request, "quotas"), flag(request, "block")
        )

        def apply(plan: Plan) -> Response:
            services.apply_delete(self.actor, self.cluster, wanted, plan)
            return Response(status=204)

        return change(request, services.plan_delete(self.cluster, wanted), apply)


class KafkaUserRotateApi(ClusterApiView):
    actions: ClassVar = {"POST": Action.KAFKA_USER_EDIT}
    shown_once: ClassVar = frozenset({"password", "files"})

    @extend_schema(
        operation_id="rotate_kafka_user",
        summary="Set a new password for a SCRAM user",
        description="On a mechanism that the user does not have yet, old and new password overlap.",
        parameters=[DRY_RUN, IF_MATCH],
        request=CredentialsInput,
        responses={200: ISSUED_OR_PLAN},
        examples=[OpenApiExample("a generated password", {"mechanism": "SCRAM-SHA-512"}, request_only=True)],
    )
    @sensitive_variables("data", "password")
    def post(self, request: Request, cluster: str, user: str) -> Response:
        data = valid_data(CredentialsInput, request)
        wanted, password = _wanted(user, data), data.get("password")

        def apply(plan: Plan) -> Response:
            return _issued(
                self, services.apply_credentials(self.actor, self.cluster, wanted, plan, password), status=200
            )

        return change(request, services.plan_rotate(self.cluster, wanted, password), apply)


def _wanted(name: str, data: dict[str, Any]) -> SetCredentials:
    return SetCredentials(
        name=name,
        mechanisms=mechanisms_of(data.get("mechanism", MECHANISMS[0])),
        iterations=data.get("iterations", DEFAULT_ITERATIONS),
        generated="password" not in data,
    )


def _issued(view: ClusterApiView, issued: services.Issued, *, status: int) -> Response:
    state = selectors.user_state(view.cluster, issued.name)
    secret = {"password": issued.password, "files": issued.files, "confirmed": issued.confirmed}
    return with_etag(Response({**_user(state), **secret}, status=status), state.digest)


def _user(state: UserState) -> dict[str, Any]:
    return {
        "name": state.name,
        "principal": state.principal,
        "credentials": _credentials(state.credentials),
        "acls": [describe_acl(acl) for acl in state.acls],
        "quotas": [{"entity": dict(q.entity), "quotas": dict(q.values)} for q in state.quotas],
        "reserved": state.reserved,
        "blocked": state.block.blocked,
        "revoked_certificates": list(state.accepted.revoked),
        "seen_last_hour": None if state.seen_ms is None else True,
    }


def _row(row: selectors.UserRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "credentials": _credentials(row.credentials),
        "acls": row.acls,
        "quotas": row.quotas,
        "blocked": row.blocked,
        "reserved": row.reserved,
    }


def _credentials(found: tuple[ScramCredential, ...]) -> list[dict[str, Any]]:
    return [{"mechanism": str(each.mechanism), "iterations": each.iterations} for each in found]
