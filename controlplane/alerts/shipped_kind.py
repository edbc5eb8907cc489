"""What a shipped rule is."""

from __future__ import annotations

from dataclasses import dataclass

WARNING, CRITICAL, INFO = "warning", "critical", "info"


@dataclass(frozen=True, slots=True)
class Shipped:
    """`hold` and `keep` as Prometheus writes durations."""

    name: str
    expr: str
    severity: str
    hold: str
    summary: str
    description: str
    keep: str = "0s"
