"""The routing tree: which receivers hear of an alert, grouped how, how soon, how often. As Alertmanager's `dispatch`. Pure.

Depth first, left to right; the deepest node that matches wins; `continue` goes on to the next sibling; a node inherits
what it does not say. The document has the keys of Alertmanager's configuration file. Two receivers are special: `*` is
every receiver there is (the shipped tree, so that a new receiver hears of everything), the empty one is nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from controlplane.alerts.logic import matchers
from controlplane.alerts.logic.labels import Labels, is_label_name
from controlplane.alerts.logic.labels import text_of as label_text
from controlplane.alerts.logic.matchers import BadMatcher, Matchers
from controlplane.core import durations

EVERYBODY, NOBODY = "*", ""
ALL_LABELS = "..."
MOST_NODES, DEEPEST = 500, 20
FIELDS = (
    "receiver", "group_by", "group_wait", "group_interval", "repeat_interval", "matchers", "continue", "routes",
    "mute_time_intervals", "active_time_intervals",
)  # fmt: skip
SHIPPED: Mapping[str, Any] = {
    "receiver": EVERYBODY,
    "group_by": ["alertname", "cluster"],
    "group_wait": "30s",
    "group_interval": "5m",
    "repeat_interval": "4h",
    "routes": [
        {"matchers": ['alertname="Watchdog"'], "receiver": NOBODY},
        {"matchers": ['severity="critical"'], "group_wait": "0s", "group_interval": "1m"},
    ],
}


def receiver_words(name: str) -> str:
    return {EVERYBODY: "every receiver", NOBODY: "nobody"}.get(name, name)


class BadRoute(ValueError):
    """`path` says where in the document: `routes.1.matchers`."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(what)
        self.path, self.what = path or "receiver", what


@dataclass(frozen=True, slots=True)
class Route:
    """A node with all that it inherits. `path` is its place in the tree: the root is empty, then indexes."""

    path: tuple[int, ...] = ()
    key: str = "{}"
    receiver: str = EVERYBODY
    matchers: Matchers = ()
    group_by: tuple[str, ...] = ()
    group_wait: timedelta = timedelta(seconds=30)
    group_interval: timedelta = timedelta(minutes=5)
    repeat_interval: timedelta = timedelta(hours=4)
    mute: tuple[str, ...] = ()
    active: tuple[str, ...] = ()
    goes_on: bool = False
    routes: tuple[Route, ...] = ()

    def group_labels(self, labels: Labels) -> dict[str, str]:
        if ALL_LABELS in self.group_by:
            return dict(labels)
        return {name: labels[name] for name in self.group_by if name in labels}

    def group_key(self, labels: Labels) -> str:
        return f"{self.key}:{label_text(self.group_labels(labels))}"


def match(route: Route, labels: Labels) -> list[Route]:
    """Every node that takes the alert; the root takes what no other does."""
    if not matchers.matches_all(route.matchers, labels):
        return []
    found: list[Route] = []
    for child in route.routes:
        taken = match(child, labels)
        found += taken
        if taken and not child.goes_on:
            break
    return found or [route]


def walk(route: Route) -> Iterator[Route]:
    yield route
    for child in route.routes:
        yield from walk(child)


def parse(document: Any) -> Route:
    root = _parse(document, None, (), "")
    if root.matchers or root.goes_on:
        raise BadRoute("matchers", "The first node takes everything: no matchers and no continue there")
    if root.mute or root.active:
        raise BadRoute("mute_time_intervals", "The first node cannot have mute times")
    if sum(1 for _ in walk(root)) > MOST_NODES:
        raise BadRoute("routes", f"At most {MOST_NODES} nodes")
    return root


def _parse(document: Any, parent: Route | None, path: tuple[int, ...], at: str) -> Route:
    if not isinstance(document, Mapping):
        raise BadRoute(at, "A node is an object")
    unknown = sorted(set(map(str, document)) - set(FIELDS))
    if unknown:
        raise BadRoute(f"{at}{unknown[0]}", f"There is no such field; there are {', '.join(FIELDS)}")
    if len(path) > DEEPEST:
        raise BadRoute(at, f"At most {DEEPEST} levels")
    above = parent or Route()
    own = _matchers(document, at)
    key = matchers.text_of(own)
    node = Route(
        path=path,
        key=f"{parent.key}/{key}" if parent else key,
        receiver=_text(document, "receiver", above.receiver, at),
        matchers=own,
        group_by=_group_by(document, above.group_by, at),
        group_wait=_duration(document, "group_wait", above.group_wait, timedelta(), at),
        group_interval=_duration(document, "group_interval", above.group_interval, timedelta(seconds=1), at),
        repeat_interval=_duration(
            document, "repeat_interval", above.repeat_interval, timedelta(seconds=1), at
        ),
        mute=_texts(document, "mute_time_intervals", at),
        active=_texts(document, "active_time_intervals", at),
        goes_on=_flag(document, at),
    )
    return _with_children(node, document, at)


def _with_children(node: Route, document: Mapping[str, Any], at: str) -> Route:
    children = document.get("routes") or []
    if not isinstance(children, list) or len(children) > MOST_NODES:
        raise BadRoute(f"{at}routes", f"A list of at most {MOST_NODES} nodes")
    parsed = tuple(
        _parse(child, node, (*node.path, index), f"{at}routes.{index}.")
        for index, child in enumerate(children)
    )
    return replace(node, routes=parsed)


def _matchers(document: Mapping[str, Any], at: str) -> Matchers:
    found: Matchers = ()
    for text in _texts(document, "matchers", at):
        try:
            found += matchers.parse(text)
        except BadMatcher as error:
            raise BadRoute(f"{at}matchers", str(error)) from error
    return found


def _group_by(document: Mapping[str, Any], inherited: tuple[str, ...], at: str) -> tuple[str, ...]:
    if document.get("group_by") is None:
        return inherited
    names = _texts(document, "group_by", at)
    wrong = [name for name in names if name != ALL_LABELS and not is_label_name(name)]
    if wrong or len(set(names)) < len(names) or (ALL_LABELS in names and len(names) > 1):
        raise BadRoute(f"{at}group_by", "Label names, each once, or '...' alone for all labels")
    return names


def _duration(
    document: Mapping[str, Any], name: str, inherited: timedelta, least: timedelta, at: str
) -> timedelta:
    text = document.get(name)
    if text is None:
        return inherited
    try:
        found = durations.parse(text) if isinstance(text, str) else None
    except durations.BadDuration as error:
        raise BadRoute(f"{at}{name}", str(error)) from error
    if found is None or found < least:
        raise BadRoute(f"{at}{name}", f"A duration such as 5m, at least {durations.text_of(least)}")
    return found


def _text(document: Mapping[str, Any], name: str, inherited: str, at: str) -> str:
    text = document.get(name)
    if text is None:
        return inherited
    if not isinstance(text, str) or len(text) > 100:
        raise BadRoute(f"{at}{name}", "A name of at most 100 characters")
    return text


def _texts(document: Mapping[str, Any], name: str, at: str) -> tuple[str, ...]:
    values = document.get(name) or []
    if not isinstance(values, list) or len(values) > 100 or not all(isinstance(each, str) for each in values):
        raise BadRoute(f"{at}{name}", "A list of at most 100 strings")
    return tuple(values)


def _flag(document: Mapping[str, Any], at: str) -> bool:
    value = document.get("continue", False)
    if not isinstance(value, bool):
        raise BadRoute(f"{at}continue", "true or false")
    return value
