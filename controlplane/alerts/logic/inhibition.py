"""An alert that explains others keeps them quiet. As Alertmanager's `inhibit`. Pure.

An alert that matches the source side as well is not inhibited by one that matches the target side: nothing silences
itself. Labels in `equal` that both lack are equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controlplane.alerts.logic.labels import Labels
from controlplane.alerts.logic.matchers import Matchers, matches_all


@dataclass(frozen=True, slots=True)
class InhibitRule:
    name: str
    source: Matchers
    target: Matchers
    equal: tuple[str, ...] = ()

    def same(self, labels: Labels) -> tuple[str, ...]:
        return tuple(labels.get(name, "") for name in self.equal)


@dataclass(frozen=True, slots=True)
class Inhibition:
    rule: str
    by: str


class Inhibitor:
    """Over the alerts that fire now: fingerprint → labels."""

    def __init__(self, rules: Iterable[InhibitRule], firing: Mapping[str, Labels]) -> None:
        self._rules = tuple(rules)
        self._sources: list[dict[tuple[str, ...], list[tuple[str, Labels]]]] = []
        for rule in self._rules:
            index: dict[tuple[str, ...], list[tuple[str, Labels]]] = {}
            for key, labels in firing.items():
                if matches_all(rule.source, labels):
                    index.setdefault(rule.same(labels), []).append((key, labels))
            self._sources.append(index)

    def by(self, labels: Labels) -> Inhibition | None:
        for rule, index in zip(self._rules, self._sources, strict=True):
            candidates = index.get(rule.same(labels), ())
            if not candidates or not matches_all(rule.target, labels):
                continue
            two_sided = matches_all(rule.source, labels)
            for key, source in candidates:
                if not (two_sided and matches_all(rule.target, source)):
                    return Inhibition(rule.name, key)
        return None
