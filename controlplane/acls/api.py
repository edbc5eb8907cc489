"""The ACL API: one class per resource, one method per operation. Same services as the pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
)
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from controlplane.acls import selectors, services, watching
from controlplane.acls.logic import selection
from controlplane.acls.logic.bindings import (
    FIELDS,
    digest,
    from_json,
    to_json,
)
from controlplane.acls.logic.bundles import Bundle, BundleRequest, bindings_of, missing
from controlplane.acls.logic.plans import MOST, AclChange
from controlplane.acls.logic.selection import Filters
from controlplane.acls.logic.transfer import FileFormat, write
from controlplane.acls.serializers import (
    ENUMS,
    EXAMPLE,
    AclSerializer,
    ChangedSerializer,
    CreateAclsInput,
    DeleteAclsInput,
    ImportInput,
    WatchInput,
)
from controlplane.clusters.rest import ClusterApiView, PlanSerializer, accepted, change
from controlplane.core.access import Action
from controlplane.core.errors import Invalid
from controlplane.core.plans import Plan
from controlplane.core.rest import (
    DRY_RUN,
    IF_MATCH,
    is_dry_run,
    list_answer,
    list_parameters,
    list_schema,
    or_plan,
    valid_data,
    with_etag,
)
from controlplane.gateways.kafka.access_types import Acl


def _filter_type(name: str) -> dict[str, str]:
    """A pattern, where others have an enum: values of newer brokers can be looked for too."""
    if name not in ENUMS:
        return {"type": "string"}
    return {"type": "string", "pattern": rf"^({'|'.join(ENUMS[name])}|UNKNOWN\(-?[0-9]+\))$"}


FILTERS = [
    *(OpenApiParameter(name, _filter_type(name), description="Exactly this value.") for name in FIELDS),
    OpenApiParameter("matching", str, description="Bindings whose pattern covers a resource of this name."),
]
CHANGED_OR_PLAN = or_plan("ChangedOrPlan", ChangedSerializer)


class AclsApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.ACL_VIEW, "POST": Action.ACL_EDIT, "DELETE": Action.ACL_EDIT}

    @extend_schema(
        summary="List ACLs",
        description="Read live. The ETag is that of the bindings that the filter matches: DELETE with the same filter takes it.",
        parameters=[*list_parameters(FIELDS), *FILTERS],
        responses=list_schema(AclSerializer),
    )
    def get(self, request: Request, cluster: str) -> Response:
        chosen = selection.select(selectors.bindings(self.cluster), _filters(request))
        rows = [selection.row_of(acl) for acl in chosen]
        answer = list_answer(
            request, rows, lambda row: to_json(row.acl), sortable=FIELDS, default_sort="principal"
        )
        return with_etag(answer, digest(chosen))

    @extend_schema(
        summary="Create ACLs",
        description="Bindings that exist already are left alone; when all do, the answer is 200 and nothing happens.",
        parameters=[DRY_RUN],
        request=CreateAclsInput,
        responses={201: ChangedSerializer, 200: CHANGED_OR_PLAN},
        examples=[
            OpenApiExample("one", EXAMPLE, request_only=True),
            OpenApiExample(
                "a consumer",
                {
                    "bundle": {
                        "name": "consumer",
                        "principal": "User:ann",
                        "topics": ["orders"],
                        "group": "readers",
                    }
                },
                request_only=True,
            ),
        ],
    )
    def post(self, request: Request, cluster: str) -> Response:
        wanted = _wanted(valid_data(CreateAclsInput, request))
        found = services.plan_create(self.cluster, wanted)
        if [refusal.code for refusal in found.plan.refusals] == ["nothing"] and not is_dry_run(request):
            return with_etag(Response(_changed(found)), found.plan.digest)
        return _apply(self, request, found, status=201, conditional=False)

    @extend_schema(
        summary="Delete ACLs",
        description='Those that the filter matches, or exactly those of a body `{"acls": [...]}`; one of the two is needed. '
        "Undo: revert of its operation.",
        parameters=[DRY_RUN, IF_MATCH, OpenApiParameter("search", str), *FILTERS],
        responses={200: CHANGED_OR_PLAN},
    )
    def delete(self, request: Request, cluster: str) -> Response:
        filters = _filters(request)
        if isinstance(request.data, Mapping) and "acls" in request.data:
            if not filters.empty:
                raise Invalid("A filter, or acls: not both")
            named = valid_data(DeleteAclsInput, request)["acls"]
            return _apply(
                self, request, services.plan_delete(self.cluster, [from_json(acl) for acl in named])
            )
        if filters.empty:
            raise Invalid("Without a filter this would delete every ACL", hint="Name what to delete.")
        return _apply(self, request, services.plan_delete_matching(self.cluster, filters))


class AclImportApi(ClusterApiView):
    actions: ClassVar = {"POST": Action.ACL_EDIT}

    @extend_schema(
        summary="Import ACLs",
        description="The set difference between the file and the cluster. If-Match takes the ETag of the dry run.",
        parameters=[DRY_RUN, IF_MATCH],
        request=ImportInput,
        responses={200: CHANGED_OR_PLAN},
        examples=[
            OpenApiExample(
                "kafbat's CSV",
                {
                    "format": "csv",
                    "text": "Principal,ResourceType,PatternType,ResourceName,Operation,PermissionType,Host\n"
                    "User:ann,TOPIC,LITERAL,orders,READ,ALLOW,*\n",
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, cluster: str) -> Response:
        data = valid_data(ImportInput, request)
        found = services.plan_import(
            self.cluster,
            data["text"],
            FileFormat(data["format"]),
            remove_others=data.get("remove_others", False),
        )
        return _apply(self, request, found)


class AclRevertApi(ClusterApiView):
    actions: ClassVar = {"POST": Action.ACL_EDIT}

    @extend_schema(
        summary="Revert a change of ACLs",
        description="`operation` is the id of a succeeded change under Operations. What has changed since then stays.",
        parameters=[DRY_RUN, IF_MATCH],
        request=None,
        responses={200: CHANGED_OR_PLAN},
    )
    def post(self, request: Request, cluster: str, operation: UUID) -> Response:
        return _apply(self, request, services.plan_revert(self.actor, self.cluster, str(operation)))


class AclExportApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.ACL_VIEW}

    @extend_schema(
        summary="Export ACLs",
        parameters=[
            OpenApiParameter("file_format", str, enum=[each.value for each in FileFormat]),
            OpenApiParameter("search", str),
            *FILTERS,
        ],
        responses=OpenApiResponse(ImportInput, description="`text` is what import takes."),
    )
    def get(self, request: Request, cluster: str) -> Response:
        raw = request.query_params.get("file_format", FileFormat.CSV.value)
        chosen = selection.select(selectors.bindings(self.cluster), _filters(request))
        body = {"format": raw, "text": write(chosen, FileFormat(raw)), "remove_others": False}
        return with_etag(Response(body), digest(chosen))


class AclWatchApi(ClusterApiView):
    actions: ClassVar = {"POST": Action.ACL_EDIT}

    @extend_schema(
        summary="Watch which ACLs are in use",
        description="Raises kafka.authorizer.logger to DEBUG on every broker for some minutes, then sets it back.",
        parameters=[DRY_RUN],
        request=WatchInput,
        responses={202: OpenApiResponse(description="The job."), 200: PlanSerializer},
        examples=[OpenApiExample("ten minutes", {"minutes": 10}, request_only=True)],
    )
    def post(self, request: Request, cluster: str) -> Response:
        minutes = valid_data(WatchInput, request)["minutes"]

        def apply(plan: Plan) -> Response:
            job = watching.start(self.actor, self.cluster, minutes, plan)
            return accepted(job, reverse("api:job", kwargs={"job_id": job.pk}))

        return change(request, watching.plan_watch(self.cluster, minutes), apply, conditional=False)


def _apply(
    view: ClusterApiView, request: Request, found: AclChange, *, status: int = 200, conditional: bool = True
) -> Response:
    def apply(plan: Plan) -> Response:
        services.apply(view.actor, view.cluster, found)
        return Response(_changed(found), status=status)

    return change(request, found.plan, apply, conditional=conditional)


def _wanted(data: Mapping[str, Any]) -> tuple[Acl, ...]:
    ways = [name for name in ("acls", "bundle", "principal") if name in data]
    if len(ways) != 1:
        raise Invalid("One binding by its fields, or acls, or a bundle: exactly one of the three")
    if "bundle" in data:
        return _bundle(data["bundle"])
    if "acls" in data:
        if not 1 <= len(data["acls"]) <= MOST:
            raise Invalid(fields={"acls": [f"From 1 to {MOST:,} bindings."]})
        return tuple(from_json(each) for each in data["acls"])
    absent = [name for name in ("operation", "resource_type", "resource_name") if name not in data]
    if absent:
        raise Invalid(fields={name: ["This field is required."] for name in absent})
    return (from_json(data),)


def _bundle(data: Mapping[str, Any]) -> tuple[Acl, ...]:
    fields = {name: value for name, value in data.items() if name != "name"}
    wanted = BundleRequest(bundle=Bundle(data["name"]), **fields)
    absent = missing(wanted)
    if absent:
        raise Invalid(fields={f"bundle.{name}": ["This bundle needs it."] for name in absent})
    return bindings_of(wanted)


def _filters(request: Request) -> Filters:
    given = {
        name: request.query_params[name].strip()
        for name in Filters.__dataclass_fields__
        if name in request.query_params
    }
    problems = {
        name: [f"One of {', '.join(ENUMS[name])}, or UNKNOWN(number)."]
        for name, value in given.items()
        if name in ENUMS and not re.fullmatch(_filter_type(name)["pattern"], value)
    }
    if problems:
        raise Invalid(fields=problems)
    return replace(Filters(), **given)


def _changed(found: AclChange) -> dict[str, Any]:
    return {"created": _jsons(found.add), "deleted": _jsons(found.remove)}


def _jsons(acls: Iterable[Acl]) -> list[dict[str, Any]]:
    return [dict(to_json(acl)) for acl in acls]
