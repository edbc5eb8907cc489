"""A refused attempt to change something in the browser is recorded, wherever the refusal came from."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from controlplane.audit.services import record_denied
from controlplane.core.access import Action
from controlplane.core.actors import actor_of
from controlplane.core.errors import Forbidden


class DeniedAttemptsMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answers nothing itself: the error page is the next middleware's."""
        if request.method in ("GET", "HEAD") or not isinstance(exception, Forbidden) or exception.recorded:
            return None
        match = request.resolver_match
        action = exception.action or getattr(match.func if match else None, "action", None)
        if isinstance(action, Action):
            kwargs = match.kwargs if match else {}
            target = "/".join(str(value) for name, value in kwargs.items() if name != "cluster")
            cluster = exception.cluster or kwargs.get("cluster")
            record_denied(actor_of(request), action, cluster=cluster, target=target, reason=exception.what)
            exception.recorded = True
        return None
