"""/readyz: can this process do its work? Public in one word, in detail with a token."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from controlplane.accounts.authentication import authenticate_header
from controlplane.alerts import selectors as alerts
from controlplane.clusters import selectors as clusters
from controlplane.config.version import VERSION
from controlplane.core.access import Action, can

STALE_AFTER = timedelta(minutes=2)
NOT_EVALUATED = timedelta(minutes=1)


def database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return type(error).__name__
    return ""


def queue() -> str:
    url = settings.REDIS_URL.replace("redis+socket://", "unix://")
    try:
        with redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
            client.ping()
    except (redis.RedisError, OSError) as error:
        return type(error).__name__
    return ""


def worker() -> str:
    """The refresh of the snapshots is the worker's pulse."""
    last = clusters.last_refresh()
    if last is None:
        return "no cluster has been read yet"
    return (
        "" if timezone.now() - last < STALE_AFTER else f"nothing was read since {last:%Y-%m-%d %H:%M:%S} UTC"
    )


def evaluation() -> str:
    """Alert rules are evaluated every five seconds; a minute without is a stop."""
    last = alerts.last_evaluation()
    if last is None:
        return "alert rules have not been evaluated yet"
    late = timezone.now() - last >= NOT_EVALUATED
    return f"alert rules are not evaluated since {last:%Y-%m-%d %H:%M:%S} UTC" if late else ""


PARTS: dict[str, Callable[[], str]] = {
    "database": database,
    "queue": queue,
    "worker": worker,
    "evaluation": evaluation,
}


@login_not_required
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    broken = database()
    status = 503 if broken else 200
    if broken or not can(authenticate_header(request), Action.METRICS_VIEW, None).allowed:
        return JsonResponse({"ready": not broken}, status=status)
    parts = {}
    for name, ask in PARTS.items():
        started = time.monotonic()
        problem = ask()
        parts[name] = {
            "ok": not problem,
            "problem": problem,
            "ms": round((time.monotonic() - started) * 1000),
        }
    degraded = [name for name, part in parts.items() if not part["ok"]]
    return JsonResponse(
        {"ready": True, "version": VERSION, "degraded": degraded, "parts": parts}, status=status
    )
