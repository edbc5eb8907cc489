"""The rules and inhibitions that come with Kastellan (KAFKA.md section 3), from the tables beside this.

Every aggregation and every `on` keeps `cluster`: exported, the rules hold for a Prometheus that scrapes several.
"""

from __future__ import annotations

from controlplane.alerts import (
    shipped_broker_rules,
    shipped_client_rules,
    shipped_cluster_rules,
    shipped_connect_rules,
    shipped_host_rules,
)
from controlplane.alerts.shipped_inhibitions import INHIBITIONS
from controlplane.alerts.shipped_kind import Shipped

__all__ = ["INHIBITIONS", "RULES", "Shipped"]

RULES: tuple[Shipped, ...] = (
    Shipped(
        "Watchdog", "vector(1)", "none", "0s",
        "Alerting works", "Always fires. Route it to a dead man's switch: when it stops coming, alerting has stopped.",
    ),
    *shipped_cluster_rules.RULES,
    *shipped_broker_rules.RULES,
    *shipped_host_rules.RULES,
    *shipped_client_rules.RULES,
    *shipped_connect_rules.RULES,
)  # fmt: skip
