"""Rules and alerts as Prometheus' HTTP API shows them: field by field what its Go structures marshal to. Pure.

A group belongs to a file there. Ours have none, so rules of every cluster are in `kastellan.yml`, those of one in its own;
exported files have the same names.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from controlplane.alerts.logic import webhook
from controlplane.alerts.logic.labels import Labels

Document = dict[str, Any]
#: Of the schedule: every rule is evaluated this often.
INTERVAL_S = 5


@dataclass(frozen=True, slots=True)
class AlertView:
    labels: Labels
    annotations: Labels
    state: str
    active_at: datetime
    keep_since: datetime | None
    value: float


@dataclass(frozen=True, slots=True)
class RuleView:
    name: str
    group: str
    cluster: str
    expr: str
    hold_s: float
    keep_s: float
    labels: Labels
    annotations: Labels
    alerts: tuple[AlertView, ...] = ()
    evaluated_at: datetime | None = None
    took_s: float = 0.0
    error: str = ""

    @property
    def file(self) -> str:
        return file_of(self.cluster)

    @property
    def state(self) -> str:
        states = {each.state for each in self.alerts}
        return next((state for state in ("firing", "pending") if state in states), "inactive")

    @property
    def health(self) -> str:
        if self.evaluated_at is None:
            return "unknown"
        return "err" if self.error else "ok"


def file_of(cluster: str) -> str:
    return f"{cluster or 'kastellan'}.yml"


def groups(rules: Iterable[RuleView], *, with_alerts: bool = True) -> list[Document]:
    """By file and name; a group without rules is not shown."""
    found: dict[tuple[str, str], list[RuleView]] = {}
    for each in rules:
        found.setdefault((each.file, each.group), []).append(each)
    return [_group(file, name, found[file, name], with_alerts) for file, name in sorted(found)]


def _group(file: str, name: str, rules: Sequence[RuleView], with_alerts: bool) -> Document:
    evaluated = [each.evaluated_at for each in rules if each.evaluated_at]
    return {
        "name": name,
        "file": file,
        "rules": [_rule(each, with_alerts) for each in rules],
        "interval": INTERVAL_S,
        "limit": 0,
        "evaluationTime": sum(each.took_s for each in rules),
        "lastEvaluation": moment(max(evaluated, default=None)),
    }


def _rule(each: RuleView, with_alerts: bool) -> Document:
    return {
        "state": each.state,
        "name": each.name,
        "query": each.expr,
        "duration": number(each.hold_s),
        "keepFiringFor": number(each.keep_s),
        "labels": dict(each.labels),
        "annotations": dict(each.annotations),
        "alerts": [alert(one) for one in each.alerts] if with_alerts else [],
        "health": each.health,
        **({"lastError": each.error} if each.error else {}),
        "evaluationTime": each.took_s,
        "lastEvaluation": moment(each.evaluated_at),
        "type": "alerting",
    }


def alert(each: AlertView) -> Document:
    kept = {"keepFiringSince": moment(each.keep_since)} if each.keep_since else {}
    return {
        "labels": dict(each.labels),
        "annotations": dict(each.annotations),
        "state": each.state,
        "activeAt": moment(each.active_at),
        **kept,
        "value": exponent(each.value),
    }


def token_of(group: Document) -> str:
    return hashlib.sha1(f"{group['file']};{group['name']}".encode(), usedforsecurity=False).hexdigest()


def moment(at: datetime | None) -> str:
    return webhook.rfc3339(at) if at else webhook.NEVER


def number(value: float) -> float | int:
    """A whole number without a fraction, as Go prints a float64."""
    return int(value) if value == int(value) else value


def exponent(value: float) -> str:
    """As Go's `FormatFloat(value, 'e', -1, 64)`: the shortest digits that come back as the same number."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    digits, _, power = f"{abs(value):.16e}".partition("e")
    shortest = next(
        (text for places in range(17) if float(text := f"{abs(value):.{places}e}") == abs(value)),
        f"{digits}e{power}",
    )
    return sign + shortest
