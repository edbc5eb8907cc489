"""Changes to the routing: the tree, what inhibits what, and mute times, as one document in Alertmanager's shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from django.utils import timezone

from controlplane.alerts.logic import mute_times, plans, routing
from controlplane.alerts.logic.labels import is_label_name
from controlplane.alerts.logic.matchers import BadMatcher
from controlplane.alerts.logic.mute_times import BadInterval
from controlplane.alerts.logic.plans import Subject
from controlplane.alerts.logic.routing import EVERYBODY, NOBODY, BadRoute, Route
from controlplane.alerts.models import InhibitionRule, MuteTime, Receiver, RouteTree
from controlplane.alerts.services import rows
from controlplane.audit.services import operation
from controlplane.core.access import Action, Actor
from controlplane.core.errors import Invalid
from controlplane.core.plans import Json, Plan

SUBJECT = Subject(Action.ALERT_ROUTE, "routing", "of alerts")
MOST = 200
INHIBIT_FIELDS = frozenset({"name", "source_matchers", "target_matchers", "equal"})


def receivers_named(root: Route) -> set[str]:
    return {node.receiver for node in routing.walk(root)} - {EVERYBODY, NOBODY}


def document() -> dict[str, Json]:
    tree = RouteTree.objects.first()
    return {
        "route": cast(Json, dict(tree.document if tree else routing.SHIPPED)),
        "inhibit_rules": [
            {
                "name": row.name,
                "source_matchers": list(row.source),
                "target_matchers": list(row.target),
                "equal": list(row.equal),
            }
            for row in InhibitionRule.objects.all()
        ],
        "time_intervals": [
            {"name": row.name, "time_intervals": row.intervals} for row in MuteTime.objects.all()
        ],
    }


def digest() -> str:
    return SUBJECT.digest(document())


def plan_put(given: Mapping[str, Any], *, coming: frozenset[str] = frozenset()) -> Plan:
    """What is not given stays as it is. `coming`: receivers that the same plan makes."""
    before = document()
    after = {**before, **given}
    check(after, coming=coming)
    return plans.plan_alter(SUBJECT, before, after)


def apply_put(actor: Actor, given: Mapping[str, Any], plan: Plan) -> None:
    before = document()
    after: dict[str, Any] = {**before, **given}
    with operation(actor, plan.action, target="routes", plan=plan, before=before, atomic=True):
        put(actor, after)


def put(actor: Actor, after: Mapping[str, Any]) -> None:
    """In the caller's operation and transaction."""
    tree = RouteTree.objects.first()
    RouteTree.objects.update_or_create(
        pk=1,
        defaults={
            "document": after["route"],
            "version": tree.version + 1 if tree else 1,
            "updated_at": timezone.now(),
            "updated_by": actor.name[:240],
        },
    )
    _put_inhibitions(after["inhibit_rules"])
    _put_mute_times(after["time_intervals"])


def _put_inhibitions(wanted: list[dict[str, Any]]) -> None:
    InhibitionRule.objects.exclude(name__in=[each["name"] for each in wanted]).delete()
    for each in wanted:
        InhibitionRule.objects.update_or_create(
            name=each["name"],
            defaults={
                "source": each.get("source_matchers", []),
                "target": each.get("target_matchers", []),
                "equal": each.get("equal", []),
            },
        )


def _put_mute_times(wanted: list[dict[str, Any]]) -> None:
    MuteTime.objects.exclude(name__in=[each["name"] for each in wanted]).delete()
    for each in wanted:
        MuteTime.objects.update_or_create(name=each["name"], defaults={"intervals": each["time_intervals"]})


def check(wanted: Mapping[str, Any], *, coming: frozenset[str] = frozenset()) -> None:
    problems = dict(_problems(wanted, coming))
    if problems:
        raise Invalid(fields={name: [f"{text}."] for name, text in problems.items()})


def _problems(wanted: Mapping[str, Any], coming: frozenset[str]) -> Iterator[tuple[str, str]]:
    names: set[str] = set()
    for at, each in enumerate(_listed(wanted["time_intervals"])):
        problem = _mute_problem(each, names)
        if problem:
            yield f"time_intervals.{at}", problem
    inhibited: set[str] = set()
    for at, each in enumerate(_listed(wanted["inhibit_rules"])):
        problem = _inhibit_problem(each, inhibited)
        if problem:
            yield f"inhibit_rules.{at}", problem
    yield from _route_problems(wanted["route"], names, coming)


def reached(labels: Mapping[str, str]) -> list[Route]:
    """Which nodes of the tree take an alert with these labels: `amtool config routes test`."""
    return routing.match(rows.route_tree(), labels)


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > MOST:
        raise Invalid(f"inhibit_rules and time_intervals are lists of at most {MOST}")
    return value


def _route_problems(wanted: Any, intervals: set[str], coming: frozenset[str]) -> Iterator[tuple[str, str]]:
    try:
        root = routing.parse(wanted)
    except BadRoute as error:
        yield f"route.{error.path}", error.what
        return
    missing = receivers_named(root) - coming - set(Receiver.objects.values_list("name", flat=True))
    if missing:
        yield "route", f"There is no receiver {sorted(missing)[0]!r}"
    unknown = {name for node in routing.walk(root) for name in (*node.mute, *node.active)} - intervals
    if unknown:
        yield "route", f"There is no time interval {sorted(unknown)[0]!r}"


def _mute_problem(each: Any, names: set[str]) -> str | None:
    if not isinstance(each, Mapping) or set(each) != {"name", "time_intervals"}:
        return "An object with name and time_intervals"
    problem = _name_problem(each["name"], names)
    if problem:
        return problem
    if not isinstance(each["time_intervals"], list) or len(each["time_intervals"]) > MOST:
        return f"time_intervals is a list of at most {MOST}"
    try:
        for interval in each["time_intervals"]:
            mute_times.parse(interval)
    except BadInterval as error:
        return str(error)
    return None


def _inhibit_problem(each: Any, names: set[str]) -> str | None:
    if not isinstance(each, Mapping) or not set(each) <= INHIBIT_FIELDS or "name" not in each:
        return f"An object with {', '.join(sorted(INHIBIT_FIELDS))}"
    problem = _name_problem(each["name"], names)
    if problem:
        return problem
    for name in ("source_matchers", "target_matchers", "equal"):
        texts = each.get(name, [])
        if (
            not isinstance(texts, list)
            or len(texts) > MOST
            or not all(isinstance(text, str) for text in texts)
        ):
            return f"{name} is a list of strings"
    if not all(map(is_label_name, each.get("equal", []))):
        return "equal lists label names"
    try:
        rows.all_matchers([*each.get("source_matchers", []), *each.get("target_matchers", [])])
    except BadMatcher as error:
        return str(error)
    return None


def _name_problem(name: Any, taken: set[str]) -> str | None:
    if not isinstance(name, str) or not 0 < len(name) <= 100 or "\0" in name:
        return "A name of 1 to 100 characters"
    if name in taken:
        return f"{name!r} is there twice"
    taken.add(name)
    return None
