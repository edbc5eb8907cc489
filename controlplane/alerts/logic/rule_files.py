"""Prometheus' rule files: read rule by rule, so that one that is wrong does not hide the others; and written. Pure.

Recording rules are named and passed over: what they would compute is asked directly here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from controlplane.alerts.logic import documents
from controlplane.alerts.logic.documents import BadDocument
from controlplane.core import durations

MOST_GROUPS, MOST_RULES = 1000, 5000
GROUP_FIELDS = frozenset(
    {"name", "interval", "limit", "rules", "query_offset", "partial_response_strategy", "labels"}
)
RULE_FIELDS = frozenset({"alert", "record", "expr", "for", "keep_firing_for", "labels", "annotations"})
ZERO = timedelta()


@dataclass(frozen=True, slots=True)
class FileRule:
    """`problem`: why it cannot be taken; the rest is what could be read of it."""

    group: str
    name: str
    expr: str = ""
    hold: timedelta = ZERO
    keep_firing: timedelta = ZERO
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    recording: bool = False
    problem: str = ""


def parse(text: str) -> list[FileRule]:
    """Raises BadDocument where the file as a whole cannot be read."""
    document = documents.read(text)
    # Strimzi's and the operator's PrometheusRule resources hold the same groups.
    if isinstance(document, Mapping) and document.get("kind") == "PrometheusRule":
        document = document.get("spec")
    top = documents.mapping(document, "The file", frozenset({"groups"}))
    found: list[FileRule] = []
    names: set[str] = set()
    for at, each in enumerate(documents.listed(top.get("groups"), "groups", MOST_GROUPS)):
        group = documents.mapping(each, f"groups[{at}]", GROUP_FIELDS)
        name = documents.text(group.get("name"), f"groups[{at}].name")
        if name in names:
            raise BadDocument(f"The group {name!r} is there twice")
        names.add(name)
        common = documents.texts(group.get("labels"), f"groups[{at}].labels")
        rules = documents.listed(group.get("rules"), f"groups[{at}].rules", MOST_RULES)
        found += [_rule(name, place, rule, common) for place, rule in enumerate(rules)]
    if len(found) > MOST_RULES:
        raise BadDocument(f"At most {MOST_RULES:,} rules")
    return found


def _rule(group: str, place: int, each: Any, common: Mapping[str, str]) -> FileRule:
    name = f"rule {place + 1}"
    try:
        rule = documents.mapping(each, f"Rule {place + 1}", RULE_FIELDS)
        if "record" in rule:
            return FileRule(group, documents.text(rule["record"], "record"), recording=True)
        name = documents.text(rule.get("alert"), "alert")
        return FileRule(
            group,
            name,
            documents.text(rule.get("expr"), "expr").strip(),
            _duration(rule, "for"),
            _duration(rule, "keep_firing_for"),
            {**common, **documents.texts(rule.get("labels"), "labels")},
            documents.texts(rule.get("annotations"), "annotations"),
        )
    except BadDocument as error:
        return FileRule(group, name, problem=str(error))


def _duration(rule: Mapping[str, Any], name: str) -> timedelta:
    try:
        return durations.parse(documents.text(rule.get(name), name, "0s"))
    except durations.BadDuration as error:
        raise BadDocument(f"{name}: {error}") from error


def write(rules: Iterable[FileRule]) -> str:
    """Valid for `promtool check rules`; groups in the order of their first rule."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for each in rules:
        groups.setdefault(each.group, []).append(_document(each))
    return documents.write({"groups": [{"name": name, "rules": found} for name, found in groups.items()]})


def _document(rule: FileRule) -> dict[str, Any]:
    found: dict[str, Any] = {"alert": rule.name, "expr": rule.expr}
    if rule.hold:
        found["for"] = durations.text_of(rule.hold)
    if rule.keep_firing:
        found["keep_firing_for"] = durations.text_of(rule.keep_firing)
    if rule.labels:
        found["labels"] = dict(rule.labels)
    if rule.annotations:
        found["annotations"] = dict(rule.annotations)
    return found
