"""Every failure as one value, and that value as RFC 9457 problem+json (API), a page, or a fragment (browser).

Which status a gateway's error gets: 502 and 504 mean that Kafka did not do it, 4xx that the request cannot be done.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from rest_framework import exceptions as drf
from rest_framework.response import Response

from controlplane.core import errors as app
from controlplane.core.access import EVERY_CLUSTER, GLOBAL_ACTIONS, LOWEST_ROLE, Action, Actor
from controlplane.core.actors import actor_of
from controlplane.core.logs import request_id
from controlplane.core.pages import Page, htmx_target, is_htmx, render_page
from controlplane.gateways import errors as gateway

SAFE_ID = re.compile(r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")
CONTENT_TYPE = "application/problem+json"
FOR_MACHINES = ("/api/", "/metrics", "/readyz", "/healthz", "/pki/")
#: Most specific first: the first class that matches decides.
GATEWAY_STATUS: tuple[tuple[type[gateway.GatewayError], int, str], ...] = (
    (gateway.DeadlineExceeded, 504, "No answer in time"),
    (gateway.Unreachable, 503, "Cannot be reached"),
    (gateway.AuthenticationFailed, 502, "The cluster refused our credentials"),
    (gateway.NotAuthorized, 502, "The cluster does not allow it"),
    (gateway.NotFound, 404, "Not found"),
    (gateway.AlreadyExists, 409, "It exists already"),
    (gateway.Conflict, 409, "In conflict with the present state"),
    (gateway.RefusedHere, 422, "It cannot be done"),
    (gateway.InvalidRequest, 422, "The cluster refused the request"),
    (gateway.Unsupported, 422, "Not supported by this cluster"),
    (gateway.NotEnoughReplicas, 503, "Too few replicas in sync"),
    (gateway.TargetRefused, 422, "Target not allowed"),
    (gateway.BadAnswer, 502, "The answer made no sense"),
    (gateway.GatewayError, 502, "The cluster failed"),
)
#: Where DRF's own words are a format string.
DRF_TITLES = {
    "method_not_allowed": "Method not allowed",
    "unsupported_media_type": "Unsupported media type",
}


#: Who has the right to an action on a cluster, as far as the asker may know; `accounts` knows users, this module does not.
holders_of: list[Callable[[Actor, Action, str | None], Sequence[str]]] = []


@dataclass(frozen=True, slots=True)
class Problem:
    """`code` is stable and stands in `type`; `what` is said to people; `extra` are members of the JSON object."""

    status: int
    code: str
    title: str
    what: str
    hint: str = ""
    retriable: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "type": f"urn:kastellan:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.what,
            "hint": self.hint,
            "code": self.code,
            "retriable": self.retriable,
            "request_id": request_id.get(),
            **self.extra,
        }


def problem_of(error: BaseException) -> Problem | None:
    """None for what nobody raised on purpose: that stays a 500 with a traceback in the log."""
    if isinstance(error, app.AppError):
        return _app_problem(error)
    if isinstance(error, gateway.GatewayError):
        return _gateway_problem(error)
    if isinstance(error, drf.APIException):
        return _drf_problem(error)
    if isinstance(error, Http404):
        return Problem(404, "not_found", "Not found", "There is nothing at this address")
    if isinstance(error, PermissionDenied):
        return Problem(403, "forbidden", "Not allowed", str(error) or "You may not do this")
    return None


def form_status(error: app.AppError | gateway.GatewayError) -> int:
    """On a form, a moved state is a 409: 412 belongs to If-Match, which browsers do not send."""
    problem = problem_of(error)
    assert problem is not None  # nosec B101  # both trees are known to problem_of
    return 409 if problem.status == 412 else problem.status


def _app_problem(error: app.AppError) -> Problem:
    extra: dict[str, Any] = {}
    headers: dict[str, str] = {}
    if isinstance(error, app.Invalid) and error.fields:
        extra["errors"] = error.fields
    if isinstance(error, app.Refused):
        extra["refusals"] = [{"code": r.code, "what": r.what, "hint": r.hint} for r in error.refusals]
    if isinstance(error, (app.Refused, app.StateChanged)) and error.plan is not None:
        extra["plan"] = error.plan.to_json()
    if isinstance(error, (app.StateChanged, app.PreconditionRequired)) and error.etag:
        headers["ETag"] = f'"{error.etag}"'
    if isinstance(error, app.Forbidden) and error.action is not None:
        role = LOWEST_ROLE[error.action].value
        cluster = EVERY_CLUSTER if error.action in GLOBAL_ACTIONS else error.cluster
        extra["needs"] = {"action": error.action.value, "role": role, "cluster": cluster}
    if isinstance(error, app.Unauthenticated):
        headers["WWW-Authenticate"] = 'Token realm="kastellan"'
    return Problem(
        error.status, error.code, error.title, error.what, error.hint, error.status == 503, headers, extra
    )


def _gateway_problem(error: gateway.GatewayError) -> Problem:
    status, title = next((s, t) for kind, s, t in GATEWAY_STATUS if isinstance(error, kind))
    headers = {"Retry-After": "5"} if error.retriable and status >= 500 else {}
    return Problem(
        status, error.code, title, error.what, error.hint, retriable=error.retriable, headers=headers
    )


def _drf_problem(error: drf.APIException) -> Problem:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    if isinstance(error, drf.ValidationError):
        fields = _flatten(error.detail)
        invalid = app.Invalid(fields=fields)
        return Problem(422, "invalid", invalid.title, invalid.what, extra={"errors": fields})
    code = str(getattr(error, "default_code", "error"))
    title = DRF_TITLES.get(code) or str(getattr(error, "default_detail", "Refused")).rstrip(".")
    return Problem(error.status_code, code, title, str(error.detail), headers=headers)


def _flatten(detail: object, prefix: str = "") -> dict[str, list[str]]:
    """Nested serializer errors as `configs.retention.ms` → messages."""
    if isinstance(detail, Mapping):
        found: dict[str, list[str]] = {}
        for name, value in detail.items():
            found |= _flatten(value, f"{prefix}.{name}" if prefix else str(name))
        return found
    if isinstance(detail, (list, tuple)):
        plain = [str(item) for item in detail if not isinstance(item, (Mapping, list))]
        found = {prefix or "__all__": plain} if plain else {}
        for index, item in enumerate(detail):
            if isinstance(item, (Mapping, list)):
                found |= _flatten(item, f"{prefix}.{index}" if prefix else str(index))
        return found
    return {prefix or "__all__": [str(detail)]}


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's hook. None lets an unexpected error go on to Django: logged, and a plain 500."""
    problem = problem_of(error)
    if problem is None:
        return None
    response = Response(problem.to_json(), status=problem.status, content_type=CONTENT_TYPE)
    for name, value in problem.headers.items():
        response.headers[name] = value
    return response


def response_for(request: HttpRequest, problem: Problem) -> HttpResponse:
    """JSON for machines, a page or a fragment for people."""
    return (
        json_response(problem) if request.path.startswith(FOR_MACHINES) else html_response(request, problem)
    )


def json_response(problem: Problem) -> HttpResponse:
    return JsonResponse(
        problem.to_json(), status=problem.status, content_type=CONTENT_TYPE, headers=dict(problem.headers)
    )


@dataclass(frozen=True)
class ErrorPage(Page):
    """`errors/page.html` whole, `errors/fragment.html` where htmx swaps a part."""

    template: ClassVar[str] = "errors/page.html"

    problem: Problem
    request_id: str

    @property
    def again(self) -> bool:
        """Whether the same address can answer otherwise in a moment."""
        return self.problem.retriable or self.problem.status >= 500


@dataclass(frozen=True)
class SignedInErrorPage(ErrorPage):
    template: ClassVar[str] = "errors/signed_in.html"

    holders: tuple[str, ...] = ()


@dataclass(frozen=True)
class ErrorFragment(ErrorPage):
    """Takes the place, and the id, of the element that htmx wanted to swap."""

    template: ClassVar[str] = "errors/fragment.html"

    fragment_id: str = ""


def html_response(request: HttpRequest, problem: Problem) -> HttpResponse:
    """On a form, a moved state is a 409: 412 belongs to If-Match, which browsers do not send."""
    status = 409 if problem.status == 412 else problem.status
    response = render_page(request, _error_page(request, problem), status=status)
    for name, value in problem.headers.items():
        response.headers[name] = value
    return response


def _error_page(request: HttpRequest, problem: Problem) -> ErrorPage:
    if is_htmx(request):
        target = htmx_target(request)
        return ErrorFragment(
            problem=problem,
            request_id=request_id.get(),
            fragment_id=target if SAFE_ID.match(target) else "error",
        )
    actor = actor_of(request)
    if actor.kind == "user" and problem.status < 500:
        holders = _holders(actor, problem)
        return SignedInErrorPage(problem=problem, request_id=request_id.get(), holders=holders)
    return ErrorPage(problem=problem, request_id=request_id.get())


def _holders(actor: Actor, problem: Problem) -> tuple[str, ...]:
    needs = problem.extra.get("needs")
    if not needs:
        return ()
    cluster = None if needs["cluster"] == EVERY_CLUSTER else needs["cluster"]
    found = [ask(actor, Action(needs["action"]), cluster) for ask in holders_of]
    return tuple(name for names in found for name in names)
