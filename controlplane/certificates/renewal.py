"""The brokers' own certificates: reissued at two thirds of their life, reloaded at once, a restart before the old ones end.

The listeners read their files again when told to. The client side of a broker does not (KAFKA-20025): it goes on with
the certificate that it read at its start, so a rolling restart is scheduled before that one ends.
Nothing is remembered between runs: what is due follows from the files, the wire and the start times (`broker.served`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from controlplane.audit.services import operation
from controlplane.clusters.models import Cluster
from controlplane.clusters.operations import schedule_roll
from controlplane.clusters.services import gateway_for
from controlplane.core.access import SYSTEM, Action
from controlplane.core.verify import verify
from controlplane.gateways import authorities, workers
from controlplane.gateways import broker as bundled
from controlplane.gateways.authorities import NodeTlsState
from controlplane.gateways.kafka.types import ConfigOp, ConfigOpType, ResourceRef, ResourceType

#: How long before the end of the certificate in use a broker is restarted.
RESTART_BEFORE = timedelta(days=7)
#: Every network thread of every listener follows on its own; on a busy machine that takes a while. Only jobs wait so long.
SETTLE_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Renewal:
    """What one run did: names of new certificates, brokers that reloaded, brokers whose restart is scheduled."""

    issued: tuple[str, ...] = ()
    reloaded: tuple[int, ...] = ()
    restarting: tuple[int, ...] = ()


def renew(cluster: Cluster, now: datetime) -> Renewal:
    """Idempotent; leaves no audit row where nothing was due."""
    spec = bundled.bundled_cluster(cluster.name)
    issued = authorities.reissue_due(spec)
    states = authorities.tls_states(spec)
    stale = tuple(state.node for state in states if state.stale_listeners)
    if issued or stale:
        with operation(
            SYSTEM, Action.AUTHORITY_MANAGE, cluster=cluster.name, target="broker certificates"
        ) as entry:
            entry.note(issued=list(issued), reload=list(stale))
            reload_listeners(cluster, stale)
    workers.restart_if_stale(spec)
    due = restarts_due(states, now)
    job = schedule_roll(cluster, due, bundled.RestartReason.CERTIFICATES_RENEWED, SYSTEM) if due else None
    return Renewal(issued, stale, due if job else ())


def restarts_due(states: Sequence[NodeTlsState], now: datetime) -> tuple[int, ...]:
    """Brokers that still use an older certificate as a client, which ends soon, or whose end nobody knows."""
    return tuple(
        state.node
        for state in states
        if state.restart_needed
        and (state.raft_leaf_ends is None or state.raft_leaf_ends - now <= RESTART_BEFORE)
    )


def reload_listeners(cluster: Cluster, brokers: Sequence[int]) -> None:
    """Each broker's listeners read their files again; verified by what they present afterwards."""
    spec = bundled.bundled_cluster(cluster.name)
    for broker in brokers:
        ops = [
            ConfigOp(name, ConfigOpType.SET, value)
            for name, value in authorities.reload_settings(spec, broker).items()
        ]
        gateway_for(cluster).incremental_alter_configs({ResourceRef(ResourceType.BROKER, str(broker)): ops})
    if brokers:
        wanted = set(brokers)
        verify(
            "the new certificate on every listener",
            lambda: not any(s.stale_listeners for s in authorities.tls_states(spec) if s.node in wanted),
            seconds=SETTLE_SECONDS,
        )
