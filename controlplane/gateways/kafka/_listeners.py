"""Advertised listeners are input from whoever runs the cluster: they must not steer us to hosts of our own network.

`suspicious` judges one advertised address, pure. `guard_of` is what both client libraries' connections pass through.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from controlplane.gateways import addresses
from controlplane.gateways.addresses import NOTHING, Allowed
from controlplane.gateways.errors import TargetRefused
from controlplane.gateways.kafka._transport import AddressGuard
from controlplane.gateways.kafka.security import KafkaConnection
from controlplane.gateways.outbound import Outbound, Resolver, system_resolver

HINT = (
    "The brokers' advertised.listeners tell clients to go there. If that is your own network, "
    "an administrator can allow private addresses for this cluster"
)
LOCAL_NAMES = ("localhost", "localhost.localdomain", "ip6-localhost", "metadata.google.internal", "metadata")
LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".svc", ".cluster.local")


@dataclass(frozen=True, slots=True)
class Finding:
    advertised: str
    reason: str

    def refusal(self) -> TargetRefused:
        return TargetRefused(f"A broker advertises {self.advertised}: {self.reason}", HINT)


def suspicious(bootstrap: str, advertised: str) -> Finding | None:
    """What is odd about a broker at `bootstrap` (host) that advertises `advertised` (host), by the text alone.

    A bootstrap that is itself such an address was chosen by an administrator; then its own kind is no surprise,
    but the metadata service always is.
    """
    try:
        host = addresses.normal_host(advertised)
    except TargetRefused as error:
        return Finding(advertised, error.what)
    reason = _reason(host)
    if reason is None or (reason == _reason(_normal_or_empty(bootstrap)) and "metadata" not in reason):
        return None
    return Finding(advertised, reason)


def refuse_suspicious(connection: KafkaConnection, advertised: Iterable[str]) -> None:
    """Raises `TargetRefused` for the first odd one, unless the cluster may use private addresses."""
    if connection.allow_private:
        return
    bootstrap = [host for host, _ in connection.addresses]
    for host in advertised:
        findings = [suspicious(name, host) for name in bootstrap]
        if findings and all(findings) and findings[0] is not None:
            raise findings[0].refusal()


def guard_of(
    connection: KafkaConnection, allowed: Allowed = NOTHING, resolver: Resolver = system_resolver
) -> AddressGuard | None:
    """None where everything is allowed, else the check each connection of this cluster has to pass."""
    return None if connection.allow_private else Outbound(allowed, resolver).check


def _normal_or_empty(host: str) -> str:
    try:
        return addresses.normal_host(host)
    except TargetRefused:
        return ""


def _reason(host: str) -> str | None:
    if host in LOCAL_NAMES or host.endswith(LOCAL_SUFFIXES):
        return "a name of a local network" if "metadata" not in host else "the cloud's metadata service"
    try:
        return addresses.verdict(ipaddress.ip_address(host))
    except ValueError:
        return None
