"""What a shipped rule is."""

from __future__ import annotations

from dataclasses import dataclass

WARNING, CRITICAL, INFO = "warning", "critical", "info"
BROKER = "Broker {{ $labels.broker }} of {{ $labels.cluster }}"
A_BROKER = BROKER[0].lower() + BROKER[1:]


@dataclass(frozen=True, slots=True)
class Shipped:
    """`hold` and `keep` as Prometheus writes durations. `off` comes switched off: its number is yours to set."""

    name: str
    expr: str
    severity: str
    hold: str
    summary: str
    description: str
    keep: str = "0s"
    off: bool = False
