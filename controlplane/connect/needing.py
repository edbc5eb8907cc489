"""Which further actions a connector's settings take, since a worker of ours runs on this machine and beside our clusters.

Asked before the plugin is: to validate settings it opens files and connects already.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings

from controlplane.connect import selectors
from controlplane.connect.logic import confinement, drivers, reaching
from controlplane.connect.selectors import Connect
from controlplane.core.access import Action, Actor
from controlplane.core.actors import demand
from controlplane.gateways import workers
from controlplane.gateways.addresses import Allowed
from controlplane.gateways.connect import aliases, is_kept

MOST_HOSTS = 20


def needs(connect: Connect, config: Mapping[str, str], before: Mapping[str, str]) -> tuple[Action, ...]:
    """`before`: what is stored, whose references to passwords of its own are the connector's.

    Files and addresses of this machine belong to the whole installation, and so does what makes drivers read or load them.
    Files that somebody laid beside a worker are that worker's admin's; so is whatever runs beside an external cluster, for it acts there with all rights that Kastellan has, and
    whatever keeps its offsets by itself, for it could write those of others.
    """
    if not connect.worker:
        return (Action.WORKER_OPERATE,) if confinement.is_file_connector(config) else ()
    found: list[Action] = []
    if confinement.names_files(config) or drivers.says_more(config) or _reaches_this_machine(config):
        found.append(Action.MACHINE_USE)
    stays = own_references(config, before)
    alone = connect.cluster.external or confinement.refers({**config, **dict.fromkeys(stays, "")})
    if alone or (_writes_exactly_once(connect) and not _names_what_it_reads(connect, config)):
        found.append(Action.WORKER_OPERATE)
    return tuple(found)


def demand_all(actor: Actor, connect: Connect, config: Mapping[str, str], before: Mapping[str, str]) -> None:
    """Raises Forbidden where one of the needs is not met."""
    for action in needs(connect, config, before):
        demand(actor, action, connect.cluster.name)


def own_references(config: Mapping[str, str], before: Mapping[str, str]) -> set[str]:
    """Settings whose password is the connector's own already."""
    return {name for name, value in config.items() if is_kept(value) and before.get(name) == value}


def _writes_exactly_once(connect: Connect) -> bool:
    worker = workers.worker_of(connect.worker)
    return worker is not None and worker.exactly_once


def _names_what_it_reads(connect: Connect, config: Mapping[str, str]) -> bool:
    """A sink, and no pattern: the topic of offsets is open to connectors then. By its plugin: settings may say what they like."""
    if "topics.regex" in config:
        return False
    wanted = config.get("connector.class", "")
    kinds = {each.kind for each in connect.api.plugins() if wanted in aliases(each.name)}
    return kinds == {"sink"}


def _reaches_this_machine(config: Mapping[str, str]) -> bool:
    """As names stand today: what they stand for when the connector looks them up is their owner's to say."""
    allowed = Allowed.of(settings.ALLOWED_TARGETS)
    found = sorted(reaching.hosts(config))
    return len(found) > MOST_HOSTS or any(
        reaching.is_own(host, selectors.resolved(host), allowed) for host in found
    )
