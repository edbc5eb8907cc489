"""The certificates API: one class per resource. Same services as the pages; a private key is in one answer only."""

from __future__ import annotations

import base64
from typing import Any, ClassVar

from django.http import HttpResponse
from django.shortcuts import resolve_url
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    extend_schema,
)
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.certificates import listing, selectors
from controlplane.certificates.logic.csr import MAX_BYTES
from controlplane.certificates.logic.plans import (
    DEFAULT_DAYS,
    MAX_DAYS,
    MIN_DAYS,
    IssueCertificate,
    RenewCertificate,
)
from controlplane.certificates.logic.standing import Standing
from controlplane.certificates.logic.state import Reason
from controlplane.certificates.models import Certificate, OriginChoice
from controlplane.certificates.services import downloads, issuing, revocation
from controlplane.certificates.services.downloads import TRUSTSTORES
from controlplane.certificates.services.issuing import Delivery
from controlplane.certificates.trust import Trust, trust_of
from controlplane.certificates.views import file_response
from controlplane.clusters.block_api import BLOCK_OR_PLAN, BlockSerializer, block, block_answer, unblock
from controlplane.clusters.rest import ClusterApiView, PlanSerializer, change
from controlplane.core.access import Action
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

SORTABLE = ("common_name", "principal", "not_after", "issued_at", "serial")
SECRETS = frozenset({"private_key_pem", "bundle", "keystore_password"})
REASONS = [reason.value for reason in Reason]
PEM_FILE = {(200, "application/x-pem-file"): OpenApiTypes.STR}


class CertificateRowSerializer(serializers.Serializer[Any]):
    """A client certificate that was issued here. Times are UTC."""

    serial = serializers.CharField(help_text="Hexadecimal, lower case.")
    common_name = serializers.CharField()
    principal = serializers.CharField(help_text="The `User:` that brokers see.")
    fingerprint = serializers.CharField(help_text="SHA-256, hexadecimal.")
    not_before = serializers.DateTimeField()
    not_after = serializers.DateTimeField()
    origin = serializers.ChoiceField(choices=OriginChoice.choices)
    issued_by = serializers.CharField()
    issued_at = serializers.DateTimeField()
    revoked_at = serializers.DateTimeField(allow_null=True)
    revoked_by = serializers.CharField(allow_blank=True)
    revocation_reason = serializers.CharField(allow_blank=True)
    replaces = serializers.CharField(allow_blank=True, help_text="Serial of the certificate it renewed.")
    replaced_by = serializers.CharField(allow_blank=True)
    trusted = serializers.BooleanField(
        allow_null=True,
        help_text="False: its authority was dropped, brokers refuse it. Null: the authorities could not be read.",
    )
    untrusted_since = serializers.DateTimeField(allow_null=True, help_text="Null where it is not known.")
    state = serializers.CharField(help_text=f"One of {', '.join(each.value for each in Standing)}.")
    still_accepted = serializers.BooleanField(
        allow_null=True,
        help_text="Revoked, and brokers let it in until it ends. Null: whether it is blocked could not be read.",
    )
    old_authority = serializers.BooleanField(
        help_text="Signed by an authority that is being replaced: renew it before that one is dropped."
    )


class CertificateSerializer(CertificateRowSerializer):
    """The answer's ETag is what If-Match takes."""

    certificate_pem = serializers.CharField(source="pem")
    chain_pem = serializers.CharField(help_text="The certificate, then its authorities.")


class DeliverySerializer(CertificateSerializer):
    """The last three are shown once: no later answer has them. They are null where the owner kept the key."""

    ca_pem = serializers.CharField(help_text="What the brokers' certificates end in.")
    private_key_pem = serializers.CharField(allow_null=True)
    bundle = serializers.CharField(
        allow_null=True, help_text="Base64 of a ZIP with every format and ready configuration files."
    )
    keystore_password = serializers.CharField(
        allow_null=True, help_text="Of keystore.p12 and keystore.jks in it."
    )


class IssueInput(serializers.Serializer[Any]):
    common_name = serializers.CharField(max_length=200)
    days = serializers.IntegerField(min_value=MIN_DAYS, max_value=MAX_DAYS, default=DEFAULT_DAYS)
    csr = serializers.CharField(
        max_length=MAX_BYTES,
        required=False,
        help_text="PKCS#10 as PEM. Left out, the key is made here and shown once.",
    )


class RenewInput(serializers.Serializer[Any]):
    days = serializers.IntegerField(min_value=MIN_DAYS, max_value=MAX_DAYS, default=DEFAULT_DAYS)
    csr = serializers.CharField(max_length=MAX_BYTES, required=False, help_text="A new key of its owner.")


class RevokeInput(serializers.Serializer[Any]):
    reason = serializers.ChoiceField(choices=REASONS, default=Reason.UNSPECIFIED.value)


CERTIFICATE_OR_PLAN = or_plan("CertificateOrPlan", CertificateSerializer)


class CertificatesApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.CERTIFICATE_VIEW, "POST": Action.CERTIFICATE_ISSUE}
    shown_once: ClassVar = SECRETS

    @extend_schema(
        summary="List issued certificates",
        parameters=[
            *list_parameters(SORTABLE),
            OpenApiParameter(
                "state",
                str,
                enum=listing.STATES,
                description="Exactly these. `ending` are the valid ones that end within 30 days, `still_accepted` the revoked ones "
                "that no block and no dropped authority keeps out.",
            ),
            OpenApiParameter(
                "authority",
                str,
                enum=[listing.OLD],
                description="While the clients' authority is replaced: what the old one signed.",
            ),
        ],
        responses=list_schema(CertificateRowSerializer),
    )
    def get(self, request: Request, cluster: str) -> Response:
        search, trust = request.query_params.get("search", "").strip(), trust_of(self.cluster)
        blocked = listing.blocked(self.cluster)
        rows = listing.certificates(
            self.cluster,
            search=search,
            state=request.query_params.get("state", ""),
            authority=request.query_params.get("authority", ""),
            trust=trust,
            blocked=blocked or (),
        )
        return list_answer(
            request, rows, lambda row: _row(row, trust, blocked), sortable=SORTABLE, default_sort="not_after"
        )

    @extend_schema(
        summary="Issue a certificate",
        parameters=[DRY_RUN],
        request=IssueInput,
        responses={201: DeliverySerializer, 200: PlanSerializer},
        examples=[OpenApiExample("orders", {"common_name": "orders.svc", "days": 90}, request_only=True)],
    )
    def post(self, request: Request, cluster: str) -> Response:
        data = valid_data(IssueInput, request)
        wanted = IssueCertificate(data["common_name"].strip(), data["days"], data.get("csr", ""))

        def apply(plan: Plan) -> Response:
            return _delivered(issuing.apply_issue(self.actor, self.cluster, wanted, plan))

        return change(request, issuing.plan_issue(self.cluster, wanted), apply, conditional=False)


class CertificateApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.CERTIFICATE_VIEW}

    @extend_schema(summary="Read a certificate", responses=CertificateSerializer)
    def get(self, request: Request, cluster: str, serial: str) -> Response:
        return _certificate(selectors.get_certificate(self.cluster, serial))


class RenewApi(ClusterApiView):
    actions: ClassVar = {"POST": Action.CERTIFICATE_ISSUE}
    shown_once: ClassVar = SECRETS

    @extend_schema(
        summary="Renew a certificate",
        parameters=[DRY_RUN],
        request=RenewInput,
        responses={201: DeliverySerializer, 200: PlanSerializer},
        examples=[OpenApiExample("for another year", {"days": 365}, request_only=True)],
    )
    def post(self, request: Request, cluster: str, serial: str) -> Response:
        certificate = selectors.get_certificate(self.cluster, serial)
        data = valid_data(RenewInput, request)
        wanted = RenewCertificate(data["days"], data.get("csr", ""))

        def apply(plan: Plan) -> Response:
            return _delivered(issuing.apply_renew(self.actor, self.cluster, certificate, wanted, plan))

        plan = issuing.plan_renew(self.cluster, certificate, wanted)
        return change(request, plan, apply, conditional=False)


class RevokeApi(ClusterApiView):
    actions: ClassVar = {"POST": Action.CERTIFICATE_REVOKE}

    @extend_schema(
        summary="Revoke a certificate",
        description="Its serial goes on the revocation list. Brokers do not ask for the list: block the principal too.",
        parameters=[DRY_RUN, IF_MATCH],
        request=RevokeInput,
        responses={200: CERTIFICATE_OR_PLAN},
        examples=[OpenApiExample("the key leaked", {"reason": "key_compromise"}, request_only=True)],
    )
    def post(self, request: Request, cluster: str, serial: str) -> Response:
        certificate = selectors.get_certificate(self.cluster, serial)
        reason = Reason(valid_data(RevokeInput, request)["reason"])

        def apply(plan: Plan) -> Response:
            return _certificate(revocation.apply_revoke(self.actor, self.cluster, certificate, reason, plan))

        return change(request, revocation.plan_revoke(self.cluster, certificate, reason), apply)


class BlockApi(ClusterApiView):
    actions: ClassVar = {
        "GET": Action.CERTIFICATE_VIEW,
        "POST": Action.CERTIFICATE_REVOKE,
        "DELETE": Action.CERTIFICATE_REVOKE,
    }

    @extend_schema(summary="Whether the principal is blocked", responses=BlockSerializer)
    def get(self, request: Request, cluster: str, serial: str) -> Response:
        return block_answer(self.cluster, self._principal(serial))

    @extend_schema(
        summary="Block the principal",
        parameters=[DRY_RUN, IF_MATCH],
        request=None,
        responses={200: BLOCK_OR_PLAN},
    )
    def post(self, request: Request, cluster: str, serial: str) -> Response:
        return block(self, request, self._principal(serial), Action.CERTIFICATE_REVOKE)

    @extend_schema(summary="Lift the block", parameters=[DRY_RUN, IF_MATCH], responses={200: BLOCK_OR_PLAN})
    def delete(self, request: Request, cluster: str, serial: str) -> Response:
        return unblock(self, request, self._principal(serial), Action.CERTIFICATE_REVOKE)

    def _principal(self, serial: str) -> str:
        return selectors.get_certificate(self.cluster, serial).principal


class ChainApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.CERTIFICATE_VIEW}

    @extend_schema(summary="Download a certificate with its authorities", responses=PEM_FILE)
    def get(self, request: Request, cluster: str, serial: str) -> HttpResponse:
        certificate = selectors.get_certificate(self.cluster, serial)
        return file_response(downloads.chain(self.actor, certificate))


class WithoutKeyApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.CERTIFICATE_VIEW}

    @extend_schema(
        summary="Download the ZIP of a certificate whose key its owner keeps",
        description="Certificate, trust stores and ready configuration. 404 where the key was made here.",
        responses={(200, downloads.MEDIA["zip"]): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, cluster: str, serial: str) -> HttpResponse:
        certificate = selectors.get_certificate(self.cluster, serial)
        return file_response(downloads.without_key(self.actor, certificate))


class TruststoreApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.CERTIFICATE_VIEW}

    @extend_schema(
        summary="Download a trust store",
        description="What clients trust the brokers by. The password of the stores is `changeit`: nothing in them is "
        "secret.",
        parameters=[OpenApiParameter("name", str, OpenApiParameter.PATH, enum=tuple(TRUSTSTORES))],
        responses={
            (200, media): OpenApiTypes.BINARY if media != downloads.MEDIA["pem"] else OpenApiTypes.STR
            for media in downloads.STORES
        },
    )
    def get(self, request: Request, cluster: str, name: str) -> HttpResponse:
        return file_response(downloads.truststore(self.actor, self.cluster, name))


def _row(row: Certificate, trust: Trust, blocked: frozenset[str] | None) -> dict[str, Any]:
    facts = listing.facts_of(row, row.span(timezone.now()), trust, blocked)
    asked = {
        "trusted": trust.of(row),
        "untrusted_since": trust.since(row),
        "state": facts.standing.value,
        "still_accepted": facts.still_accepted,
        "old_authority": facts.old_authority,
    }
    kept = CertificateRowSerializer._declared_fields.keys() - asked.keys()
    return {name: getattr(row, name) for name in kept} | asked


def _certificate_json(row: Certificate, trust: Trust) -> dict[str, Any]:
    return {
        **_row(row, trust, listing.blocked(row.cluster)),
        "certificate_pem": row.pem,
        "chain_pem": row.chain_pem,
    }


def _certificate(row: Certificate) -> Response:
    trust = trust_of(row.cluster)
    return with_etag(Response(_certificate_json(row, trust)), selectors.issued(row, trust).digest)


def _delivered(delivery: Delivery) -> Response:
    row, trust = delivery.certificate, trust_of(delivery.certificate.cluster)
    body = {
        **_certificate_json(row, trust),
        "ca_pem": delivery.ca_pem,
        "private_key_pem": delivery.key_pem or None,
        "bundle": base64.b64encode(delivery.archive).decode(),
        "keystore_password": delivery.password or None,
    }
    location = resolve_url("api:certificate", row.cluster.name, row.serial)
    response = Response(body, status=201, headers={"Location": location})
    return with_etag(response, selectors.issued(row, trust).digest)
