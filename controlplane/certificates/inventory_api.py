"""The API of what is known beside issued certificates: own ones, authorities, expiry of everything, watched addresses."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.certificates import inventory, selectors
from controlplane.certificates.logic.expiry import Span
from controlplane.certificates.logic.watch_plans import WatchEndpoint
from controlplane.certificates.models import Sighting, WatchedEndpoint
from controlplane.certificates.selectors import AuthorityView, ExpiryRow, OwnRow
from controlplane.certificates.services import watching
from controlplane.clusters.rest import ClusterApiView, PlanSerializer, change
from controlplane.core.access import Action
from controlplane.core.plans import Plan
from controlplane.core.rest import (
    DRY_RUN,
    IF_MATCH,
    list_answer,
    list_parameters,
    list_schema,
    valid_data,
    with_etag,
)

SORTABLE = ("not_after", "name", "kind")
OWN_SORT = ("name", "authority", "not_after")
WATCHED_SORT = ("host", "port", "not_after")


class OwnCertificateSerializer(serializers.Serializer[Any]):
    """Of a broker, the control plane, or the user admin. Renewed automatically."""

    name = serializers.CharField()
    authority = serializers.CharField(help_text="brokers or clients")
    subject = serializers.CharField()
    issuer = serializers.CharField()
    serial = serializers.CharField()
    fingerprint = serializers.CharField()
    hosts = serializers.ListField(child=serializers.CharField())
    not_before = serializers.DateTimeField()
    not_after = serializers.DateTimeField()


class AuthorityCertificateSerializer(serializers.Serializer[Any]):
    generation = serializers.CharField(help_text="present, next or old")
    role = serializers.CharField(help_text="root, between or issuing")
    subject = serializers.CharField()
    issuer = serializers.CharField()
    serial = serializers.CharField()
    fingerprint = serializers.CharField()
    not_before = serializers.DateTimeField()
    not_after = serializers.DateTimeField()
    key_here = serializers.BooleanField(help_text="False for an authority of somebody else's.")


class AuthoritySerializer(serializers.Serializer[Any]):
    """A hierarchy. Its keys have no address: they never leave the installation."""

    purpose = serializers.CharField()
    phase = serializers.CharField(
        help_text="none, trust_new, abandoning, switched or dropping: where the replacement of its key stands."
    )
    external = serializers.BooleanField()
    certificates = AuthorityCertificateSerializer(many=True)
    chain_pem = serializers.CharField(help_text="Of the present one: issuing first, root last.")


class ExpirySerializer(serializers.Serializer[Any]):
    """`not_after` is null where nothing has been seen yet; `error` says why the last look failed."""

    kind = serializers.ChoiceField(choices=list(inventory.KINDS))
    name = serializers.CharField()
    detail = serializers.CharField(allow_blank=True)
    note = serializers.CharField(allow_blank=True)
    serial = serializers.CharField(allow_blank=True)
    not_after = serializers.DateTimeField(allow_null=True)
    seconds_left = serializers.FloatField(allow_null=True)
    seen_at = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField(allow_blank=True)


class WatchEndpointInput(serializers.Serializer[Any]):
    host = serializers.CharField(max_length=253)
    port = serializers.IntegerField(min_value=1, max_value=65535)
    label = serializers.CharField(max_length=80, required=False, allow_blank=True)  # type: ignore[assignment]


class WatchedSerializer(serializers.Serializer[Any]):
    """A watched address and what it presented when it last answered. The answer's ETag is what If-Match takes."""

    id = serializers.IntegerField()
    host = serializers.CharField()
    port = serializers.IntegerField()
    label = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    added_by = serializers.CharField()
    subject = serializers.CharField(allow_blank=True)
    issuer = serializers.CharField(allow_blank=True)
    fingerprint = serializers.CharField(allow_blank=True)
    not_after = serializers.DateTimeField(allow_null=True)
    seen_at = serializers.DateTimeField(allow_null=True)
    checked_at = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField(allow_blank=True)


class OwnCertificatesApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.CERTIFICATE_VIEW}

    @extend_schema(
        summary="List the cluster's own certificates",
        parameters=list_parameters(OWN_SORT),
        responses=list_schema(OwnCertificateSerializer),
    )
    def get(self, request: Request, cluster: str) -> Response:
        rows = _found(request, [_own(row) for row in selectors.own(self.cluster)], "name")
        return list_answer(request, rows, dict, sortable=OWN_SORT, default_sort="name")


class AuthoritiesApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.CERTIFICATE_VIEW}

    @extend_schema(
        summary="List the certificate authorities",
        parameters=list_parameters(("purpose",)),
        responses=list_schema(AuthoritySerializer),
    )
    def get(self, request: Request, cluster: str) -> Response:
        rows = [self._authority(view) for view in selectors.authorities(self.cluster)]
        found = _found(request, rows, "purpose")
        return list_answer(request, found, dict, sortable=("purpose",), default_sort="purpose")

    def _authority(self, view: AuthorityView) -> dict[str, Any]:
        return {
            "purpose": view.purpose.value,
            "phase": view.phase.value,
            "external": view.external,
            "certificates": [
                {
                    "generation": row.generation,
                    "role": row.role,
                    "subject": row.subject,
                    "issuer": row.issuer,
                    "serial": row.serial,
                    "fingerprint": row.fingerprint,
                    **_times(row.span),
                    "key_here": row.key_here,
                }
                for row in view.rows
            ],
            "chain_pem": selectors.authority_chain(self.cluster, view.purpose.value, "present"),
        }


class ExpiryApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.CERTIFICATE_VIEW}

    @extend_schema(
        summary="When everything ends",
        description="Issued and own certificates, authorities, and what addresses present on the wire.",
        parameters=[*list_parameters(SORTABLE), OpenApiParameter("kind", str, enum=tuple(inventory.KINDS))],
        responses=list_schema(ExpirySerializer),
    )
    def get(self, request: Request, cluster: str) -> Response:
        kind = request.query_params.get("kind", "")
        search = request.query_params.get("search", "").strip().lower()
        rows = [
            row
            for row in inventory.inventory(self.cluster)
            if (not kind or row.kind == kind) and search in f"{row.name} {row.detail} {row.note}".lower()
        ]
        return list_answer(request, rows, _expiry, sortable=SORTABLE, default_sort="not_after")


class WatchedEndpointsApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.CERTIFICATE_VIEW, "POST": Action.CERTIFICATE_ISSUE}

    @extend_schema(
        summary="List watched addresses",
        parameters=list_parameters(WATCHED_SORT),
        responses=list_schema(WatchedSerializer),
    )
    def get(self, request: Request, cluster: str) -> Response:
        seen = {(row.host, row.port): row for row in Sighting.objects.filter(cluster=self.cluster)}
        rows = WatchedEndpoint.objects.filter(cluster=self.cluster)
        found = _found(request, [_watched(row, seen.get((row.host, row.port))) for row in rows], "host")
        return list_answer(request, found, dict, sortable=WATCHED_SORT, default_sort="host")

    @extend_schema(
        summary="Watch an address",
        parameters=[DRY_RUN],
        request=WatchEndpointInput,
        responses={201: WatchedSerializer, 200: PlanSerializer},
        examples=[
            OpenApiExample(
                "registry", {"host": "registry.example", "port": 443, "label": "registry"}, request_only=True
            )
        ],
    )
    def post(self, request: Request, cluster: str) -> Response:
        data = valid_data(WatchEndpointInput, request)
        wanted = WatchEndpoint(data["host"].strip(), data["port"], data.get("label", ""))

        def apply(plan: Plan) -> Response:
            row = watching.apply_watch(self.actor, self.cluster, wanted, plan)
            return _watched_answer(row, status=201)

        return change(request, watching.plan_watch(self.cluster, wanted), apply, conditional=False)


class WatchedEndpointApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.CERTIFICATE_VIEW, "DELETE": Action.CERTIFICATE_ISSUE}

    @extend_schema(summary="Read a watched address", responses=WatchedSerializer)
    def get(self, request: Request, cluster: str, endpoint: int) -> Response:
        return _watched_answer(watching.get_watched(self.cluster, endpoint))

    @extend_schema(
        summary="Stop watching an address",
        parameters=[DRY_RUN, IF_MATCH],
        responses={204: None, 200: PlanSerializer},
    )
    def delete(self, request: Request, cluster: str, endpoint: int) -> Response:
        row = watching.get_watched(self.cluster, endpoint)

        def apply(plan: Plan) -> Response:
            watching.apply_unwatch(self.actor, self.cluster, row, plan)
            return Response(status=204)

        return change(request, watching.plan_unwatch(self.cluster, row), apply)


class AskWatchedApi(ClusterApiView):
    actions: ClassVar = {"POST": Action.CERTIFICATE_ISSUE}

    @extend_schema(
        operation_id="ask_watched_address",
        summary="Ask a watched address now",
        description="What it presents is kept as at the hourly round. Nothing else changes, so there is no plan.",
        request=None,
        responses=WatchedSerializer,
    )
    def post(self, request: Request, cluster: str, endpoint: int) -> Response:
        row = watching.get_watched(self.cluster, endpoint)
        watching.check(self.cluster, row.host, row.port)
        return _watched_answer(row)


def _times(span: Span) -> dict[str, Any]:
    return {"not_before": span.not_before, "not_after": span.not_after}


def _own(row: OwnRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "authority": row.purpose.value,
        "subject": row.subject,
        "issuer": row.issuer,
        "serial": row.serial,
        "fingerprint": row.fingerprint,
        "hosts": list(row.hosts),
        **_times(row.span),
    }


def _expiry(row: ExpiryRow) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "name": row.name,
        "detail": row.detail,
        "note": row.note,
        "serial": row.serial,
        "not_after": row.not_after,
        "seconds_left": row.span.seconds_left if row.span else None,
        "seen_at": row.seen_at,
        "error": row.error,
    }


def _watched(row: WatchedEndpoint, seen: Sighting | None) -> dict[str, Any]:
    return {
        "id": row.pk,
        "host": row.host,
        "port": row.port,
        "label": row.label,
        "added_by": row.added_by,
        "subject": seen.subject if seen else "",
        "issuer": seen.issuer if seen else "",
        "fingerprint": seen.fingerprint if seen else "",
        "not_after": seen.not_after if seen else None,
        "seen_at": seen.seen_at if seen else None,
        "checked_at": seen.checked_at if seen else None,
        "error": seen.error if seen else "Not asked yet",
    }


def _watched_answer(row: WatchedEndpoint, status: int = 200) -> Response:
    seen = Sighting.objects.filter(cluster=row.cluster, host=row.host, port=row.port).first()
    digest = watching.plan_unwatch(row.cluster, row).digest
    return with_etag(Response(_watched(row, seen), status=status), digest)


def _found(request: Request, rows: list[dict[str, Any]], field: str) -> list[dict[str, Any]]:
    search = request.query_params.get("search", "").strip().lower()
    return [row for row in rows if search in str(row[field]).lower()]
