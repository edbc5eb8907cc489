"""What Kastellan measures about itself, by prometheus-client; in multiprocess mode over web, worker and beat."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from celery.signals import task_postrun, task_prerun
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from prometheus_client import CollectorRegistry, Counter, Histogram

HTTP = Histogram(
    "kastellan_http_request_duration_seconds",
    "Requests by view, method and status.",
    ["view", "method", "status"],
)
TASKS = Histogram("kastellan_task_duration_seconds", "Celery tasks.", ["task", "state"])
SCRAPES = Histogram("kastellan_poll_duration_seconds", "Polls of brokers.", ["cluster", "broker"])
SCRAPE_FAILURES = Counter(
    "kastellan_poll_failures_total", "Polls that gave no samples.", ["cluster", "broker"]
)
#: Collectors of facts that are read at the moment of a scrape; domains register theirs in `ready()`.
LIVE = CollectorRegistry()

_started: dict[str, float] = {}


def scrape(cluster: str, broker: int, seconds: float, *, failed: bool) -> None:
    SCRAPES.labels(cluster, str(broker)).observe(seconds)
    if failed:
        SCRAPE_FAILURES.labels(cluster, str(broker)).inc()


class RequestDurationMiddleware:
    """By view name, never by path: paths hold topic names and would make endless series."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.monotonic()
        response = self.get_response(request)
        match = request.resolver_match
        view = match.view_name if match else "unknown"
        HTTP.labels(view, request.method or "", str(response.status_code)).observe(time.monotonic() - started)
        return response


@task_prerun.connect
def _task_starts(task_id: str, **_: Any) -> None:
    _started[task_id] = time.monotonic()


@task_postrun.connect
def _task_ends(task_id: str, task: Any, state: str | None = None, **_: Any) -> None:
    begun = _started.pop(task_id, None)
    if begun is not None:
        TASKS.labels(task.name, state or "UNKNOWN").observe(time.monotonic() - begun)
