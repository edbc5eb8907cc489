"""Tries a connection that is not stored: does it come about, what is there, and can every broker be reached?

It changes nothing, here or there. Bounded: a few seconds for the servers, a few more for all brokers at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from controlplane.clusters.connections import allowed_targets
from controlplane.clusters.logic.connection_steps import BrokerTry, Report
from controlplane.gateways.errors import GatewayError, TargetRefused
from controlplane.gateways.kafka._listeners import guard_of
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.preflight import preflight
from controlplane.gateways.kafka.security import KafkaConnection
from controlplane.gateways.kafka.types import BrokerNode, Diagnosis, Feature
from controlplane.gateways.outbound import system_resolver

SERVERS_S = 5.0
BROKERS_S = 4.0
#: Of a large cluster so many are tried: each try is a connection of its own.
MOST_BROKERS = 12


def diagnose(connection: KafkaConnection, timeout_s: float = SERVERS_S) -> Diagnosis:
    """As the stored connection would be used: with the guard that it would have."""
    return preflight(connection, timeout_s, guard=guard_of(connection, allowed_targets()))


def report_on(connection: KafkaConnection) -> Report:
    diagnosis = diagnose(connection)
    report = Report(diagnosis, addresses=_addresses(connection), refused_at_once=_is_refused(connection))
    if not diagnosis.ok:
        return report
    chosen = diagnosis.brokers[:MOST_BROKERS]
    return replace(
        report,
        brokers=_tries(connection, chosen),
        untried=len(diagnosis.brokers) - len(chosen),
        features=_features(connection),
    )


def _tries(connection: KafkaConnection, nodes: Sequence[BrokerNode]) -> tuple[BrokerTry, ...]:
    def attempt(node: BrokerNode) -> BrokerTry:
        host = f"[{node.host}]" if ":" in node.host else node.host
        return BrokerTry(node, diagnose(replace(connection, bootstrap=f"{host}:{node.port}"), BROKERS_S))

    with ThreadPoolExecutor(max_workers=max(len(nodes), 1)) as pool:
        return tuple(pool.map(attempt, nodes))


def _features(connection: KafkaConnection) -> tuple[Feature, ...] | None:
    """None where it does not tell: a cluster of another make, or without the permission."""
    gateway = KafkaGateway(connection, BROKERS_S, allowed=allowed_targets())
    try:
        return gateway.describe_features()
    except GatewayError:
        return None
    finally:
        gateway.close()


def _addresses(connection: KafkaConnection) -> tuple[str, ...]:
    found = []
    for host, port in connection.addresses:
        try:
            addresses = system_resolver(host, port)
        except GatewayError:
            continue
        found.append(host if addresses == (host,) else f"{host} is {', '.join(addresses[:4])}")
    return tuple(dict.fromkeys(found))


def _is_refused(connection: KafkaConnection) -> bool:
    guard = guard_of(connection, allowed_targets())
    try:
        for host, port in connection.addresses if guard else ():
            guard(host, port) if guard else None
    except TargetRefused:
        return True
    except GatewayError:
        return False
    return False
