"""Who makes this request, for code below and beside `accounts`. The middleware and the API's authentication set it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.http import HttpRequest
from rest_framework.request import Request

from controlplane.core.access import ANONYMOUS, Action, Actor, can
from controlplane.core.errors import Forbidden


def actor_of(request: HttpRequest | Request) -> Actor:
    plain = request._request if isinstance(request, Request) else request
    actor: Actor = getattr(plain, "actor", ANONYMOUS)
    return actor


_at_work: ContextVar[HttpRequest | None] = ContextVar("request_at_work", default=None)


@contextmanager
def at_work_on(request: HttpRequest) -> Iterator[None]:
    token = _at_work.set(request)
    try:
        yield
    finally:
        _at_work.reset(token)


def acting() -> Actor | None:
    """Whose request this is, for what is too far below to be told; None outside of requests."""
    request = _at_work.get()
    return None if request is None else actor_of(request)


def require(request: HttpRequest | Request, action: Action, cluster: str | None = None) -> Actor:
    """The actor, or Forbidden with the reason and the role that could."""
    actor = actor_of(request)
    demand(actor, action, cluster)
    return actor


def demand(actor: Actor, action: Action, cluster: str | None, *, also: str = "") -> None:
    """Raises Forbidden with the reason and the role that could. `also`: the other cluster, of an act that is about two."""
    decision = can(actor, action, cluster)
    if not decision.allowed:
        raise Forbidden(decision.reason, action=action, cluster=cluster, also=also)


def demand_both(actor: Actor, action: Action, one: str, other: str) -> None:
    """Of an act that is about two clusters: who may not on both, may not at all."""
    demand(actor, action, one, also=other)
    demand(actor, action, other, also=one)
