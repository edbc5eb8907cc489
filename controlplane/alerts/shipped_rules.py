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

__all__ = ["INHIBITIONS", "NOT_SHIPPED", "RULES", "Shipped"]

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
#: Row of KAFKA.md section 3, what of it no rule says, and why; the manual has it too.
NOT_SHIPPED: tuple[tuple[str, str, str], ...] = (
    (
        "Broker fenced", "`BrokerRegistrationState` other than 30",
        "20 is a controlled shutdown that somebody asked for, -1 a broker that was removed, and 10 is what *BrokerFenced* counts.",
    ),
    (
        "Log flush slow", "a level of its own from 1,000 ms",
        "The slowest flush in a thousand takes a second on any busy disk; from two seconds on somebody can do something.",
    ),
    ("Controller churn", "`current-epoch` of the quorum", "Each new controller is a new epoch: it would say the same twice."),
    (
        "Consumer lag growing", "a lag that is higher than five minutes ago",
        "Every burst of records does that; *ConsumerGroupFallsBehind* asks whether the lag ever shrinks.",
    ),
)  # fmt: skip
