"""Certificates on the wire: which addresses are watched, what each presented when it was last asked, and when."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from cryptography import x509
from django.conf import settings
from django.utils import timezone

from controlplane.audit.services import operation
from controlplane.certificates import selectors
from controlplane.certificates.logic import watch_plans
from controlplane.certificates.logic.watch_plans import WatchEndpoint, WatchState
from controlplane.certificates.models import Sighting, SightingKind, WatchedEndpoint
from controlplane.clusters import selectors as clusters
from controlplane.clusters.logic.connections import PLAINTEXT, TLS, servers_of
from controlplane.clusters.models import Cluster
from controlplane.core.access import Actor
from controlplane.core.errors import NotFound
from controlplane.core.plans import Plan, Refusal
from controlplane.core.verify import verify
from controlplane.gateways import addresses, tls_probe
from controlplane.gateways import broker as bundled
from controlplane.gateways.addresses import PRIVATE, Allowed
from controlplane.gateways.errors import BadAnswer, GatewayError, TargetRefused
from controlplane.gateways.outbound import Outbound

SPREAD_S = 1200
#: Of a sighting.
NAME = 120


@dataclass(frozen=True, slots=True)
class Target:
    kind: SightingKind
    name: str
    host: str
    port: int
    #: An administrator allowed this host where the address is used.
    allowed: bool = False
    #: Or these networks, where others say the address: brokers advertise theirs.
    networks: tuple[str, ...] = ()

    @property
    def offset_s(self) -> int:
        """Where in the first minutes of the hour it is asked: stable, and not all at once."""
        return zlib.crc32(f"{self.host}:{self.port}".encode()) % SPREAD_S


#: What other parts of Kastellan reach over TLS themselves; whoever does says so at its start.
SOURCES: list[Callable[[Cluster], Iterable[Target]]] = []


def targets(cluster: Cluster) -> tuple[Target, ...]:
    """A listener that is watched as well is one target: what is said of it would be the same."""
    used = (each for source in SOURCES for each in source(cluster))
    found = {(each.host, each.port): each for each in (*used, *_watched(cluster), *_listeners(cluster))}
    return tuple(found.values())


def unseen(cluster: Cluster) -> tuple[Target, ...]:
    asked = set(Sighting.objects.filter(cluster=cluster).values_list("host", "port"))
    return tuple(each for each in targets(cluster) if (each.host, each.port) not in asked)


def _listeners(cluster: Cluster) -> Iterator[Target]:
    return _external_listeners(cluster) if cluster.external else _bundled_listeners(cluster)


def _external_listeners(cluster: Cluster) -> Iterator[Target]:
    """Those that Kastellan itself is led to: the servers that were typed in, and what each broker advertises there."""
    connection = getattr(cluster, "connection", None)
    if connection is None or connection.security == PLAINTEXT:
        return
    protocol = "SSL" if connection.security == TLS else "SASL_SSL"
    for text in servers_of(connection.bootstrap):
        host, _, port = text.rpartition(":")
        host, name = host.strip("[]"), f"bootstrap {text}"[:NAME]
        yield Target(SightingKind.LISTENER, name, host, int(port), allowed=connection.allow_private)
    networks = PRIVATE if connection.allow_private else ()
    for row in clusters.brokers(cluster):
        name = f"broker {row.broker_id} {protocol}"
        yield Target(SightingKind.LISTENER, name, row.host, row.port, networks=networks)


def _bundled_listeners(cluster: Cluster) -> Iterator[Target]:
    """Our own, and on loopback."""
    try:
        spec = bundled.bundled_cluster(cluster.name)
    except GatewayError:
        return
    for node in spec.nodes:
        for listener in node.listeners:
            name = f"broker {node.id} {listener.name}"
            yield Target(SightingKind.LISTENER, name, listener.host, listener.port, allowed=True)


def _watched(cluster: Cluster) -> Iterator[Target]:
    for row in WatchedEndpoint.objects.filter(cluster=cluster):
        wanted = WatchEndpoint(row.host, row.port, row.label)
        yield Target(SightingKind.WATCHED, row.label or wanted.address, row.host, row.port)


def normal(request: WatchEndpoint) -> WatchEndpoint:
    """The host as it is looked up; one that cannot be is left as it was typed, for the plan to refuse."""
    try:
        return replace(request, host=addresses.normal_host(request.host))
    except TargetRefused:
        return request


def plan_watch(cluster: Cluster, request: WatchEndpoint) -> Plan:
    request = normal(request)
    return watch_plans.plan_watch(request, _state(cluster, request), cluster=cluster.name)


def apply_watch(actor: Actor, cluster: Cluster, request: WatchEndpoint, plan: Plan) -> WatchedEndpoint:
    """Asked at once: whoever adds an address wants to see that it answers."""
    request = normal(request)
    with operation(actor, plan.action, cluster=cluster.name, target=request.address, plan=plan):
        row = WatchedEndpoint.objects.create(
            cluster=cluster,
            host=request.host,
            port=request.port,
            label=request.label,
            added_by=actor.name[:240],
            added_at=timezone.now(),
        )
    check(cluster, row.host, row.port)
    return row


def plan_unwatch(cluster: Cluster, row: WatchedEndpoint) -> Plan:
    request = WatchEndpoint(row.host, row.port, row.label)
    return watch_plans.plan_unwatch(request, _state(cluster, request), cluster=cluster.name)


def apply_unwatch(actor: Actor, cluster: Cluster, row: WatchedEndpoint, plan: Plan) -> None:
    address = WatchEndpoint(row.host, row.port).address
    with operation(actor, plan.action, cluster=cluster.name, target=address, plan=plan) as entry:
        entry.remember({"host": row.host, "port": row.port, "label": row.label})
        WatchedEndpoint.objects.filter(pk=row.pk).delete()
        Sighting.objects.filter(
            cluster=cluster, host=row.host, port=row.port, kind=SightingKind.WATCHED
        ).delete()
        verify("that it is gone", lambda: not WatchedEndpoint.objects.filter(pk=row.pk).exists())


def get_watched(cluster: Cluster, pk: int) -> WatchedEndpoint:
    row = WatchedEndpoint.objects.filter(cluster=cluster, pk=pk).first()
    if row is None:
        raise NotFound("This endpoint is not watched", hint="The expiry view lists those that are.")
    return row


def _state(cluster: Cluster, request: WatchEndpoint) -> WatchState:
    watched = frozenset(
        WatchEndpoint(row.host, row.port).address for row in WatchedEndpoint.objects.filter(cluster=cluster)
    )
    try:
        host = addresses.normal_host(request.host)
        literal = (host,) if addresses.literal(host) else ()
        addresses.check(host, literal, _allowed())
    except TargetRefused as error:
        return WatchState(watched, Refusal("target_refused", error.what, error.hint))
    return WatchState(watched)


def _allowed() -> Allowed:
    return Allowed.of(settings.ALLOWED_TARGETS)


def check(cluster: Cluster, host: str, port: int) -> Sighting | None:
    """Asks one address and keeps the answer; a failure leaves what was seen before, with the reason and its time."""
    target = next((each for each in targets(cluster) if (each.host, each.port) == (host, port)), None)
    if target is None:
        Sighting.objects.filter(cluster=cluster, host=host, port=port).delete()
        return None
    now = timezone.now()
    own = [host] if target.allowed else []
    allowed = Allowed.of([*settings.ALLOWED_TARGETS, *own, *target.networks])
    try:
        found = {**_facts(tls_probe.probe(host, port, Outbound(allowed))), "seen_at": now, "error": ""}
    except GatewayError as error:
        found = {"error": str(error)}
    row, _ = Sighting.objects.update_or_create(
        cluster=cluster,
        host=host,
        port=port,
        defaults={"kind": target.kind, "name": target.name, "checked_at": now, **found},
    )
    return row


def _facts(presented: tls_probe.Presented) -> dict[str, object]:
    """Others' certificates: whatever cannot be read in one is an answer that makes no sense, not our failure."""
    try:
        leaf = presented.chain[0]
        return {
            "subject": leaf.subject.rfc4514_string()[:400],
            "issuer": leaf.issuer.rfc4514_string()[:400],
            "serial": selectors.serial_hex(leaf)[:64],
            "fingerprint": selectors.fingerprint(leaf),
            "protocol": presented.protocol,
            "not_before": leaf.not_valid_before_utc,
            "not_after": _soonest_end(presented.chain),
        }
    except (ValueError, TypeError, OverflowError) as error:
        raise BadAnswer("It presented a certificate that cannot be read") from error


def _soonest_end(chain: tuple[x509.Certificate, ...]) -> object:
    return min(each.not_valid_after_utc for each in chain)


def forget_gone(cluster: Cluster) -> None:
    """Listeners of brokers that are gone, and addresses that nobody watches any more."""
    known = {(each.host, each.port) for each in targets(cluster)}
    for row in Sighting.objects.filter(cluster=cluster):
        if (row.host, row.port) not in known:
            row.delete()
