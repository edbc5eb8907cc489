"""Request ids, the headers that Django has no setting for, and error pages for AppError and GatewayError."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.utils.cache import add_never_cache_headers

from controlplane.core.logs import request_id
from controlplane.core.problem import Problem, problem_of, response_for

GetResponse = Callable[[HttpRequest], HttpResponseBase]
PUBLIC_AND_STABLE = ("/static/",)
PLAIN_ID = re.compile(r"^[A-Za-z0-9._-]{8,64}$")


class RequestIdMiddleware:
    """`request.request_id`, in logs, audit rows, problem answers and the X-Request-ID header."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        chosen = given if PLAIN_ID.match(given) else uuid.uuid4().hex
        request.request_id = chosen  # type: ignore[attr-defined]
        token = request_id.set(chosen)
        try:
            response = self.get_response(request)
        finally:
            request_id.reset(token)
        response.headers.setdefault("X-Request-ID", chosen)
        return response


class SecurityHeadersMiddleware:
    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", settings.PERMISSIONS_POLICY)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if not request.path.startswith(PUBLIC_AND_STABLE) and isinstance(response, HttpResponse):
            add_never_cache_headers(response)
        elif not response.has_header("Cache-Control"):
            response.headers["Cache-Control"] = "no-store"
        return response


class ErrorPagesMiddleware:
    """What a view raised on purpose becomes a page, or a fragment when htmx asked. The API has its own handler."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if isinstance(response, HttpResponseNotAllowed) and not response.content:
            return response_for(request, _not_allowed(response.headers["Allow"]))
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        problem: Problem | None = problem_of(exception)
        return response_for(request, problem) if problem else None


def _not_allowed(allowed: str) -> Problem:
    """Django's own answer is an empty page: who comes by a reload, or by a login in between, would look at nothing."""
    return Problem(
        405,
        "method_not_allowed",
        "Method not allowed",
        f"This address only answers to {allowed}",
        "If a form led here, open its page again and send it from there. Nothing was changed by coming here.",
        headers={"Allow": allowed},
    )
