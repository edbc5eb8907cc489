"""A refused attempt to change something in the browser is recorded, wherever the refusal came from."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from controlplane.audit.services import record_refused
from controlplane.core.actors import actor_of
from controlplane.core.rest import is_attempt


class DeniedAttemptsMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answers nothing itself: the error page is the next middleware's."""
        if request.method in ("GET", "HEAD") or not is_attempt(exception):
            return None
        match = request.resolver_match
        action = getattr(match.func if match else None, "action", None)
        record_refused(actor_of(request), exception, action=action, arguments=match.kwargs if match else {})
        return None
