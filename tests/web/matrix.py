"""Every route of the URL configuration, with a request that reaches it: for crawlers and authorisation matrices."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver

#: A value of the right shape for each parameter name or converter.
SAMPLES = {
    "cluster": "main",
    "topic": "orders",
    "account": "orders.svc",
    "step": "begin",
    "group": "readers",
    "username": "ada",
    "user": "orders-app",
    "prefix": "abcd1234",
    "secret": "s" * 43,
    "broker": 1,
    "serial": "1f" * 16,
    "purpose": "clients",
    "generation": "present",
    "name": "ca.pem",
    "endpoint": 1,
    "pk": 1,
    "page": "start",
    "path": "x",
}


@dataclass(frozen=True, slots=True)
class Route:
    name: str
    path: str
    pattern: str

    @property
    def is_api(self) -> bool:
        return self.path.startswith("/api/")


def routes() -> tuple[Route, ...]:
    return tuple(_walk(get_resolver().url_patterns, "", ""))


def _walk(patterns: list[URLPattern | URLResolver], prefix: str, namespace: str) -> Iterator[Route]:
    for each in patterns:
        route = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            inner = f"{namespace}{each.namespace}:" if each.namespace else namespace
            yield from _walk(each.url_patterns, route, inner)
        else:
            path = "/" + _filled(route, each)
            yield Route(f"{namespace}{each.name or '?'}", path, route)


def _filled(route: str, pattern: URLPattern) -> str:
    for part in _converters(route):
        kind, _, name = part.strip("<>").rpartition(":")
        value = uuid.UUID(int=1) if kind == "uuid" else SAMPLES.get(name)
        if value is None or (kind == "int" and not isinstance(value, int)):
            value = 1 if kind == "int" else "x"
        route = route.replace(part, str(value))
    return route.replace("^", "").replace("$", "")


def _converters(route: str) -> Iterator[str]:
    start = route.find("<")
    while start >= 0:
        end = route.index(">", start)
        yield route[start : end + 1]
        start = route.find("<", end)
