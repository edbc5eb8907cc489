"""The base of every API operation: permission first, lists in one shape, conditional changes, dry runs.

`audit` hooks in here for Idempotency-Key and for recording refused attempts; `core` knows only the hook.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Protocol, TypeGuard, TypeVar

from django.db.models import QuerySet
from django.http import HttpRequest
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from controlplane.core.access import Action, Actor
from controlplane.core.actors import actor_of, require
from controlplane.core.errors import AppError, Forbidden, Invalid, PreconditionRequired, Refused, StateChanged
from controlplane.core.plans import Plan
from controlplane.core.schema import query_parameters
from controlplane.core.strict import type_problems
from controlplane.core.tables import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, PageRequest, sort_rows, with_query

Row = TypeVar("Row")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class RequestHook(Protocol):
    def before(self, view: ApiView, request: Request) -> Response | None:
        """May answer in the view's place: a stored answer."""

    def after(self, view: ApiView, request: Request, response: Response) -> None: ...

    def denied(self, view: ApiView, request: Request, error: AppError) -> None:
        """Somebody tried to change something, and nothing was changed."""


hooks: list[RequestHook] = []


class _Answered(Exception):
    def __init__(self, response: Response) -> None:
        self.response = response


class ApiView(APIView):
    """`actions` names the action of each method; a method without one is for everybody who is logged in.

    The cluster is the `cluster` of the path, where there is one. Fields in `shown_once` are secrets of the answer
    that a repeat under the same Idempotency-Key does not show again.
    """

    actions: ClassVar[Mapping[str, Action]] = {}
    shown_once: ClassVar[frozenset[str]] = frozenset()
    #: Off where somebody else's protocol is spoken, whose clients send more than its document names.
    checks_parameters: ClassVar[bool] = True

    @property
    def actor(self) -> Actor:
        return actor_of(self.request)

    def cluster_name(self) -> str | None:
        name = self.kwargs.get("cluster")
        return name if isinstance(name, str) else None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        action = self.actions.get(request.method or "")
        if action is not None:
            self.check_action(request, action)
        if self.checks_parameters:
            check_parameters(self, request)
        for hook in hooks:
            answer = hook.before(self, request)
            if answer is not None:
                raise _Answered(answer)

    def check_action(self, request: Request, action: Action) -> None:
        """Overridden where a cluster that the actor may not see has to look as if it did not exist."""
        require(request, action, self.cluster_name())

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, _Answered):
            return exc.response
        if self.request.method not in SAFE_METHODS and is_attempt(exc, dry=_asks_for_dry_run(self.request)):
            for hook in hooks:
                hook.denied(self, self.request, exc)
        return super().handle_exception(exc)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Response:
        final: Response = super().finalize_response(request, response, *args, **kwargs)
        if isinstance(request, Request):
            for hook in hooks:
                hook.after(self, request, final)
        return final


def is_attempt(error: Exception, *, dry: bool = False) -> TypeGuard[AppError]:
    """A refusal that the audit has to know of: of rights, of a plan, or because the state moved. Not of a dry run."""
    if isinstance(error, Forbidden):
        return not error.recorded
    return isinstance(error, (Refused, StateChanged)) and not error.recorded and not dry


def _asks_for_dry_run(request: Request) -> bool:
    return request.query_params.get("dry_run", "").lower() in ("true", "1")


def check_parameters(view: APIView, request: Request) -> None:
    """What the OpenAPI document does not name is refused: a misspelt `dry_run` must never become a real change."""
    known = query_parameters(view, "GET" if request.method == "HEAD" else request.method or "")
    if known is None:
        return
    problems = {name: _parameter_problems(known, name, request) for name in request.query_params}
    if any(problems.values()):
        raise Invalid(fields={name: found for name, found in problems.items() if found})


def _parameter_problems(known: Mapping[str, OpenApiParameter], name: str, request: Request) -> list[str]:
    if name not in known:
        takes = f"It takes {', '.join(sorted(known))}." if known else "It takes none."
        return [f"There is no such parameter here. {takes}"]
    legal = known[name].enum
    if legal and any(value not in legal for value in request.query_params.getlist(name)):
        return [f"One of {', '.join(map(str, legal))}."]
    return []


# --- Lists ----------------------------------------------------------------------------------------------------------


def list_answer(
    request: Request,
    rows: QuerySet[Any] | Sequence[Any],
    serialize: Callable[[Any], Any],
    *,
    sortable: Sequence[str],
    default_sort: str,
    as_of: datetime | None = None,
) -> Response:
    """One page of a list. Unlike pages for people, a wrong parameter is an error here."""
    wanted = list_request(request, sortable, default_sort)
    count = rows.count() if isinstance(rows, QuerySet) else len(rows)
    start = (wanted.page - 1) * wanted.page_size
    shown = sort_rows(rows, wanted)[start : start + wanted.page_size]
    more = start + wanted.page_size < count
    return Response(
        {
            "count": count,
            "next": _page_url(request, wanted.page + 1) if more else None,
            "previous": _page_url(request, wanted.page - 1) if wanted.page > 1 else None,
            "as_of": as_of.isoformat() if as_of else None,
            "results": [serialize(row) for row in shown],
        }
    )


def list_request(request: Request, sortable: Sequence[str], default_sort: str) -> PageRequest:
    query = request.query_params
    problems: dict[str, list[str]] = {}
    sort = query.get("sort", default_sort)
    if sort.removeprefix("-") not in sortable:
        problems["sort"] = [f"One of {', '.join(sortable)}; a leading '-' reverses it."]
    page = _whole(query.get("page"), 1, 10**6, "page", problems)
    size = _whole(query.get("page_size"), DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, "page_size", problems)
    if problems:
        raise Invalid(fields=problems)
    return PageRequest(sort=sort, page=page, page_size=size, search=query.get("search", "").strip())


def list_parameters(
    sortable: Sequence[str], *, search: str | None = "Any part of the name, in any case."
) -> list[OpenApiParameter]:
    """`search` says what is searched; None where there is no text to search in."""
    order = [name for field in sortable for name in (field, f"-{field}")]
    return [
        *([OpenApiParameter("search", str, description=search)] if search else []),
        OpenApiParameter("sort", str, enum=order, description="The field to sort by; '-' reverses."),
        OpenApiParameter("page", {"type": "integer", "minimum": 1, "maximum": 10**6}, description="From 1."),
        OpenApiParameter(
            "page_size",
            {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE},
            description=f"Rows per page; {DEFAULT_PAGE_SIZE} unless told.",
        ),
    ]


def list_schema(item: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """The answer of a list of `item`, for @extend_schema."""
    name = f"{item.__name__.removesuffix('Serializer')}List"
    return inline_serializer(
        name,
        {
            "count": serializers.IntegerField(),
            "next": serializers.CharField(allow_null=True),
            "previous": serializers.CharField(allow_null=True),
            "as_of": serializers.DateTimeField(
                allow_null=True, help_text="When the data was read from Kafka."
            ),
            "results": item(many=True),
        },
    )


def valid_data(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """The validated body. Unknown fields and other JSON types are refused: nothing is silently ignored or bent."""
    bound = serializer(data=request.data)
    problems: dict[str, list[str]] = {}
    for name, problem in type_problems(bound, request.data):
        problems.setdefault(name, []).append(problem)
    if problems:
        raise Invalid(fields=problems)
    bound.is_valid(raise_exception=True)
    found: dict[str, Any] = dict(bound.validated_data)
    return found


# --- Plans, dry runs, conditions ------------------------------------------------------------------------------------

DRY_RUN = OpenApiParameter("dry_run", bool, description="Answer with the plan and change nothing.")
IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The ETag of the state you decided on."
)


def flag(request: Request, name: str) -> bool:
    """A boolean of the query string; absent is false."""
    raw = request.query_params.get(name, "false").lower()
    if raw not in ("true", "false", "1", "0"):
        raise Invalid(fields={name: ["true or false."]})
    return raw in ("true", "1")


def is_dry_run(request: Request) -> bool:
    return flag(request, "dry_run")


class PlanSerializer(serializers.Serializer[Any]):
    """What would happen. `digest` is also the ETag."""

    action = serializers.CharField()
    title = serializers.CharField()
    cluster = serializers.CharField()
    risk = serializers.ChoiceField(choices=["reversible", "disruptive", "destructive"])
    digest = serializers.CharField()
    allowed = serializers.BooleanField()
    steps = serializers.ListField(child=serializers.DictField())
    warnings = serializers.ListField(child=serializers.CharField())
    refusals = serializers.ListField(child=serializers.DictField())
    affected = serializers.ListField(child=serializers.DictField())
    undo = serializers.CharField()
    commands = serializers.ListField(child=serializers.CharField())
    confirm_name = serializers.CharField(allow_null=True)
    request = serializers.DictField()
    api = serializers.DictField(
        allow_null=True, help_text="The request that makes this plan, where one does."
    )


def or_plan(name: str, serializer: type[serializers.Serializer[Any]]) -> PolymorphicProxySerializer:
    """The answer of a change that is 200 both when it was made and when it was only planned."""
    return PolymorphicProxySerializer(
        component_name=name, serializers=[serializer, PlanSerializer], resource_type_field_name=None
    )


def plan_answer(plan: Plan) -> Response:
    return with_etag(Response(plan.to_json()), plan.digest)


def with_etag(response: Response, digest: str) -> Response:
    response.headers["ETag"] = f'"{digest}"'
    return response


def change(
    request: Request, plan: Plan, apply: Callable[[Plan], Response], *, conditional: bool = True
) -> Response:
    """dry run → the plan; otherwise If-Match (where the state exists already), apply, answer, with the new tag.

    `conditional` is False for creations: there is no state to match, and If-Match is then honoured, not required.
    """
    if is_dry_run(request):
        return plan_answer(plan)
    if conditional or "If-Match" in request.headers:
        check_if_match(request, plan)
    else:
        check_refusals(plan)
    return apply(plan)


def check_if_match(request: Request, plan: Plan, *, required: bool = True) -> None:
    """428 without If-Match, 412 when the state moved: both carry the present tag. Then the plan's own refusals."""
    given = request.headers.get("If-Match")
    if given is None and required:
        raise PreconditionRequired(etag=plan.digest)
    if given is not None and given.strip() != "*" and plan.digest not in _tags(given):
        raise StateChanged(
            f"{plan.title}: the state changed since the tag was taken", etag=plan.digest, plan=plan
        )
    check_refusals(plan)


def check_refusals(plan: Plan) -> None:
    if plan.refusals:
        raise Refused(plan.refusals, plan)


def _tags(header: str) -> set[str]:
    return {part.strip().removeprefix("W/").strip('"') for part in header.split(",")}


def _whole(raw: str | None, default: int, high: int, name: str, problems: dict[str, list[str]]) -> int:
    if raw is None:
        return default
    if not raw.isascii() or not raw.isdigit() or len(raw) > 9 or not 1 <= int(raw) <= high:
        problems[name] = [f"A whole number from 1 to {high:,}."]
        return default
    return int(raw)


def _page_url(request: Request, page: int) -> str:
    plain: HttpRequest = request._request
    return plain.build_absolute_uri(plain.path + with_query(plain.GET, page=page))
