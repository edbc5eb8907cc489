"""Health, and the error pages that Django itself asks for."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.views.decorators.http import require_safe

from controlplane.core.logs import request_id
from controlplane.core.problem import FOR_MACHINES, Problem, json_response, response_for


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Public and tiny: this process answers. Whether everything behind it works is /readyz."""
    return HttpResponse("ok\n", content_type="text/plain")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """No template: the host header itself may be what is bad."""
    return HttpResponseBadRequest("400: the request is malformed\n", content_type="text/plain")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return response_for(
        request, Problem(403, "forbidden", "Not allowed", str(exception) or "You may not do this")
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return response_for(
        request,
        Problem(
            404, "not_found", "Not found", "There is nothing at this address", "The menu lists all pages."
        ),
    )


def server_error(request: HttpRequest) -> HttpResponse:
    what = "The control plane made a mistake; brokers and clients are not touched by it"
    hint = f"`./run logs web` has the details under the request id {request_id.get()}."
    problem = Problem(500, "internal_error", "Internal error", what, hint)
    if request.path.startswith(FOR_MACHINES):
        return json_response(problem)
    # The page itself may be what failed: plain text cannot.
    text = f"500: {problem.what}\n{problem.hint}\n"
    return HttpResponse(text, status=500, content_type="text/plain; charset=utf-8")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return response_for(
        request,
        Problem(
            403,
            "csrf",
            "The form is too old",
            "The form was made for another session",
            "Reload the page and send it again.",
        ),
    )
