"""The API of service accounts. Same services as the pages; secrets are in exactly one answer."""

from __future__ import annotations

import base64
from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.acls.logic.bundles import Bundle, BundleRequest
from controlplane.acls.serializers import BUNDLES
from controlplane.certificates.logic.plans import DEFAULT_DAYS, MAX_DAYS, MIN_DAYS
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
    valid_data,
    with_etag,
)
from controlplane.service_accounts import selectors, services
from controlplane.service_accounts.forms import CREDENTIALS
from controlplane.service_accounts.logic.compose import AccountFacts
from controlplane.service_accounts.services import CreateAccount, Made

SORTABLE = ("name", "credentials", "acls", "quotas")
CHOICES = [choice for choice, _ in CREDENTIALS]
SECRETS = frozenset({"password", "private_key_pem", "keystore_password", "bundle"})


class AccountSerializer(serializers.Serializer[Any]):
    """Everything that one name has on the cluster. Counts are null where they could not be read."""

    name = serializers.CharField()
    principal = serializers.CharField()
    mechanisms = serializers.ListField(child=serializers.CharField())
    certificates = serializers.IntegerField(help_text="Valid, and issued here.")
    acls = serializers.IntegerField(allow_null=True)
    quotas = serializers.IntegerField(allow_null=True)
    blocked = serializers.BooleanField(help_text="Everything is denied to the principal.")
    revoked = serializers.IntegerField(
        help_text="Certificates that are revoked, and that brokers accept still."
    )


class MadeSerializer(AccountSerializer):
    """The secrets are answered once; a repeat under the same Idempotency-Key has null for them."""

    password = serializers.CharField(allow_null=True)
    serial = serializers.CharField(allow_null=True, help_text="Of the certificate.")
    private_key_pem = serializers.CharField(allow_null=True)
    keystore_password = serializers.CharField(allow_null=True)
    bundle = serializers.CharField(
        allow_null=True, help_text="Base64 of a ZIP with ready configuration files."
    )


class RightsInput(serializers.Serializer[Any]):
    """A bundle of ACLs. A name that ends in * is a prefix."""

    bundle = serializers.ChoiceField(choices=BUNDLES)
    topics = serializers.ListField(child=serializers.CharField(max_length=300), required=False)
    outputs = serializers.ListField(child=serializers.CharField(max_length=300), required=False)
    group = serializers.CharField(max_length=500, required=False)
    transactional_id = serializers.CharField(max_length=500, required=False)
    create_topics = serializers.BooleanField(required=False)
    host = serializers.CharField(max_length=100, required=False)


class CreateAccountInput(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=64, trim_whitespace=False)
    credential = serializers.ChoiceField(
        choices=CHOICES, required=False, help_text="SCRAM-SHA-512 unless told."
    )
    days = serializers.IntegerField(min_value=MIN_DAYS, max_value=MAX_DAYS, required=False)
    rights = RightsInput(required=False)
    quotas = serializers.DictField(child=serializers.FloatField(), required=False)


class AccountsApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.KAFKA_USER_VIEW, "POST": Action.SERVICE_ACCOUNT_EDIT}
    shown_once: ClassVar = SECRETS

    @extend_schema(
        summary="List service accounts",
        parameters=list_parameters(SORTABLE),
        responses=list_schema(AccountSerializer),
    )
    def get(self, request: Request, cluster: str) -> Response:
        search = request.query_params.get("search", "").strip()
        rows = selectors.accounts(self.cluster, search=search)
        return list_answer(request, rows, _row, sortable=SORTABLE, default_sort="name", as_of=timezone.now())

    @extend_schema(
        summary="Create a service account: credentials, rights and a quota in one plan",
        parameters=[DRY_RUN],
        request=CreateAccountInput,
        responses={201: MadeSerializer, 200: PlanSerializer},
        examples=[
            OpenApiExample(
                "orders",
                {
                    "name": "orders.svc",
                    "rights": {"bundle": "producer", "topics": ["orders"]},
                    "quotas": {"producer_byte_rate": 10_000_000},
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, cluster: str) -> Response:
        wanted = _wanted(valid_data(CreateAccountInput, request))

        def apply(plan: Plan) -> Response:
            made = services.apply_create(self.actor, self.cluster, wanted, plan)
            return Response({**_row(selectors.account(self.cluster, wanted.name)), **_once(made)}, status=201)

        return change(request, services.plan_create(self.cluster, wanted), apply, conditional=False)


class AccountApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.KAFKA_USER_VIEW, "DELETE": Action.SERVICE_ACCOUNT_EDIT}

    @extend_schema(summary="Read a service account", responses=AccountSerializer)
    def get(self, request: Request, cluster: str, account: str) -> Response:
        found = selectors.account(self.cluster, account)
        return with_etag(Response(_row(found)), services.plan_remove(self.cluster, account).digest)

    @extend_schema(
        summary="Delete a service account with all that belongs to it",
        parameters=[
            DRY_RUN,
            IF_MATCH,
            OpenApiParameter("block", bool, description="Also block the principal, whatever it comes with."),
        ],
        responses={204: None, 200: PlanSerializer},
    )
    def delete(self, request: Request, cluster: str, account: str) -> Response:
        selectors.account(self.cluster, account)
        block = flag(request, "block")

        def apply(plan: Plan) -> Response:
            services.apply_remove(self.actor, self.cluster, account, plan, block=block)
            return Response(status=204)

        return change(request, services.plan_remove(self.cluster, account, block=block), apply)


def _wanted(data: dict[str, Any]) -> CreateAccount:
    rights = data.get("rights")
    name = data["name"]
    return CreateAccount(
        name=name,
        credential=data.get("credential", CHOICES[0]),
        days=data.get("days", DEFAULT_DAYS),
        bundle=_bundle(name, rights) if rights else None,
        quotas=data.get("quotas", {}),
    )


def _bundle(name: str, rights: dict[str, Any]) -> BundleRequest:
    return BundleRequest(
        bundle=Bundle(rights["bundle"]),
        principal=f"User:{name}",
        host=rights.get("host", "*"),
        topics=tuple(rights.get("topics", ())),
        outputs=tuple(rights.get("outputs", ())),
        group=rights.get("group", ""),
        transactional_id=rights.get("transactional_id", ""),
        create_topics=rights.get("create_topics", False),
    )


def _row(account: AccountFacts) -> dict[str, Any]:
    return {
        "name": account.name,
        "principal": account.principal,
        "mechanisms": list(account.mechanisms),
        "certificates": account.certificates,
        "acls": account.acls,
        "quotas": account.quotas,
        "blocked": account.blocked,
        "revoked": account.revoked,
    }


def _once(made: Made) -> dict[str, Any]:
    issued, delivery = made.issued, made.delivery
    archive = base64.b64encode(delivery.archive).decode() if delivery else None
    return {
        "password": issued.password if issued else None,
        "serial": delivery.certificate.serial if delivery else None,
        "private_key_pem": delivery.key_pem if delivery else None,
        "keystore_password": delivery.password if delivery else None,
        "bundle": issued.zip_base64 if issued else archive,
    }
