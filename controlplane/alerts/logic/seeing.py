"""From a rule's answer to alerts: labels and annotations made, each alert under its key. Pure.

Live evaluation, previews on history and users' rule tests see through the same function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from controlplane.alerts.logic import templates
from controlplane.alerts.logic.labels import ALERT_NAME, CLUSTER, METRIC_NAME, Labels, fingerprint
from controlplane.alerts.logic.states import Seen

#: A rule that gives more is a mistake in the rule: nobody reads ten thousand alerts.
MOST_ALERTS = 10_000
NO_LABELS: Labels = {}


class RuleFailed(Exception):
    """The rule's answer cannot be used; the text is for its author."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a rule adds to each series. `cluster` empty: it is not told, as in Prometheus' own tests."""

    name: str
    cluster: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def by_value(self) -> bool:
        """Whether an alert's identity depends on its value: then it changes from sample to sample."""
        return any("{{" in text and ("$value" in text or ".Value" in text) for text in self.labels.values())

    def labels_of(self, own: Labels, value: float) -> dict[str, str]:
        """The series', the rule's over them, the cluster's name where the series has none, the rule's name."""
        made = self._base() | dict(own) | templates.expand_all(self.labels, own, value)
        return {name: text for name, text in made.items() if text} | {ALERT_NAME: self.name}

    def annotations_of(self, own: Labels, value: float) -> dict[str, str]:
        return templates.expand_all(self.annotations, self._base() | dict(own), value)

    def _base(self) -> dict[str, str]:
        return {CLUSTER: self.cluster} if self.cluster else {}


def nameless(labels: Labels) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name != METRIC_NAME}


def never() -> None:
    """No deadline."""


def seen(
    words: Words, points: Iterable[tuple[Labels, float]], deadline: Callable[[], None] = never
) -> dict[str, Seen]:
    """The answer by the fingerprint of each alert. `deadline` is asked before each, and raises to stop."""
    found: dict[str, Seen] = {}
    for labels, value in points:
        deadline()
        own = nameless(labels)
        made = words.labels_of(own, value)
        key = fingerprint(made)
        if key in found:
            raise RuleFailed(
                "The expression gives two series that are one alert: the same labels after the rule's"
            )
        found[key] = Seen(made, words.annotations_of(own, value), value)
        if len(found) > MOST_ALERTS:
            raise RuleFailed(f"The expression gives more than {MOST_ALERTS:,} alerts")
    return found
