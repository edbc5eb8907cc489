"""The Connect clusters of a Kafka cluster, and their connectors, asked live: rows for the list, one of them, its plugins."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.crypto import salted_hmac
from django.utils.module_loading import import_string

from controlplane.clusters import selectors as clusters
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for
from controlplane.connect import external, measuring
from controlplane.connect.logic import failures, offsets, reaching, rights
from controlplane.connect.logic.external import BUNDLED
from controlplane.connect.logic.plans import Known, TopicUse
from controlplane.connect.logic.rights import Right, is_mirror
from controlplane.connect.logic.topics import named_in
from controlplane.connect.measuring import UNKNOWN, Measured
from controlplane.connect.models import ConnectCluster
from controlplane.core.errors import NotFound
from controlplane.gateways import workers
from controlplane.gateways.addresses import NOTHING
from controlplane.gateways.connect import ConnectApi, Connector, ConnectorStatus, Offset, mask
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.errors import NotFound as NotThere
from controlplane.gateways.outbound import system_resolver

#: Operation, resource type and name, in the words of ACLs.
Asked = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class ConnectorRow:
    name: str
    kind: str
    plugin: str
    topics: str
    status: ConnectorStatus
    measured: Measured

    @property
    def state(self) -> str:
        """The worst of connector and tasks."""
        return self.status.worst.value

    @property
    def running(self) -> int:
        return self.status.running_tasks

    @property
    def tasks(self) -> int:
        return len(self.status.tasks)

    @property
    def read(self) -> float | None:
        return self.measured.read

    @property
    def written(self) -> float | None:
        return self.measured.written

    @property
    def errors(self) -> int | None:
        return self.measured.errors


@dataclass(frozen=True, slots=True)
class Connect:
    """A Connect cluster of a Kafka cluster: the bundled worker, or an external one that was registered.

    `worker`: the cluster whose bundled worker it is, on this machine; empty for those of others.
    """

    cluster: Cluster
    name: str
    api: ConnectApi = field(repr=False)
    worker: str = ""
    row: ConnectCluster | None = None

    @property
    def files(self) -> Path | None:
        """Where relative paths of file connectors begin, where that is on this machine."""
        return workers.files_directory(self.worker) if self.worker else None

    @property
    def url(self) -> str:
        return self.api.url

    @property
    def title(self) -> str:
        return self.name if self.row else "Bundled worker"

    @property
    def principal(self) -> str:
        """As which its connectors reach their Kafka cluster; empty where only its owner knows."""
        own = self.worker == self.cluster.name and not self.cluster.external
        return workers.PRINCIPAL if own else ""

    @property
    def is_measured(self) -> bool:
        return measuring.is_measured(self.cluster.name, bundled=self.row is None)

    def measured(self) -> Mapping[str, Measured]:
        return measuring.measured(self.cluster.name) if self.is_measured else {}


def connects(cluster: Cluster) -> tuple[Connect, ...]:
    """All of them, the bundled worker first."""
    own = _bundled(cluster)
    rows = ConnectCluster.objects.filter(cluster=cluster)
    return (*((own,) if own else ()), *(_external(cluster, row) for row in rows))


def _bundled(cluster: Cluster) -> Connect | None:
    worker = workers.worker_of(cluster.name)
    if worker is None:
        return None
    return Connect(cluster, BUNDLED, workers.rest_api(worker), cluster.name)


def _external(cluster: Cluster, row: ConnectCluster) -> Connect:
    api, worker = external.api_of(row), _own_worker(row.url)
    if worker:
        api = replace(api, reads=workers.reader(worker))
    return Connect(cluster, row.name, api, worker, row)


def _own_worker(url: str) -> str:
    """A worker of ours that was registered by its address, however that is spelt, stays as confined as under its own name."""
    parts = urlsplit(url)
    found = [worker for worker in workers.workers() if parts.port == worker.port]
    host = parts.hostname or ""
    for worker in found:
        if host == worker.host or reaching.is_own(host, resolved(host), NOTHING):
            return worker.cluster
    return ""


def resolved(host: str) -> tuple[str, ...]:
    """What a name stands for now; nothing where nobody knows it."""
    try:
        return system_resolver(host, 0)
    except (GatewayError, OSError, ValueError):
        return ()


def connect_of(cluster: Cluster, name: str) -> Connect:
    if name == BUNDLED:
        own = _bundled(cluster)
        if own is None:
            raise NotFound(f"{cluster.title} has no Connect worker", hint="Start one: Connect worker.")
        return own
    return _external(cluster, external.row_of(cluster, name))


def rows(connect: Connect, search: str = "") -> list[ConnectorRow]:
    wanted = search.lower()
    measured = connect.measured()
    found = (_row(each, measured.get(each.name, UNKNOWN)) for each in connect.api.connectors().values())
    return [row for row in found if wanted in row.name.lower() or wanted in row.plugin.lower()]


def _row(connector: Connector, measured: Measured) -> ConnectorRow:
    return ConnectorRow(
        connector.name,
        connector.kind,
        connector.plugin.rpartition(".")[2],
        topics_in_words(connector.config),
        connector.status,
        measured,
    )


def topics_in_words(config: Mapping[str, str]) -> str:
    return (
        config.get("topics")
        or config.get("topic")
        or config.get("topics.regex")
        or config.get("topic.prefix")
        or ""
    )


def known(connect: Connect, name: str) -> Known:
    status = connect.api.status(name)
    return known_of(connect.api.config(name), status)


def known_of(
    config: Mapping[str, str], status: ConnectorStatus, secret: frozenset[str] = frozenset()
) -> Known:
    """`secret`: what its plugin calls passwords, where the settings are shown."""
    return Known(
        status.name,
        mask(config, secret),
        fingerprint(config),
        status.state.value,
        tuple(task.state.value for task in status.tasks),
        status.kind,
    )


def lacking(connect: Connect, status: ConnectorStatus) -> tuple[Right, ...]:
    """Rights on this Kafka cluster without which it failed. A mirror's may be those on the cluster that it reads from."""
    found = failures.lacking_of(status.traces, status.kind)
    return () if found and is_mirror(connect.api.config(status.name)) else found


def rights_without(
    connect: Connect, name: str, config: Mapping[str, str], uses: Iterable[TopicUse]
) -> tuple[str, ...]:
    """What a connector would need and its principal may not, where it is known who that is."""
    wanted = {
        (right.operation, right.resource_type, right.name): right
        for right in rights.needed(name, config, tuple(uses))
    }
    if not (connect.principal and wanted):
        return ()
    lacking: Callable[[Cluster, str, Iterable[Asked]], Iterable[Asked]] = import_string(
        settings.LACKING_RIGHTS
    )
    return tuple(
        f"{connect.principal} lacks {wanted[each]}"
        for each in lacking(connect.cluster, connect.principal, wanted)
    )


def fingerprint(config: Mapping[str, str]) -> str:
    """Of the whole configuration with its secrets: tells that one changed, and nothing about it, so it has a key."""
    return salted_hmac(
        "connect.fingerprint", json.dumps(dict(config), sort_keys=True), algorithm="sha256"
    ).hexdigest()


def topics_of(cluster: Cluster, config: Mapping[str, str], kind: str) -> tuple[TopicUse, ...]:
    """Those that the configuration names one by one."""
    names = [name for setting in ("topics", "topic") for name in named_in(config, setting)]
    there = set(clusters.topics(cluster, internal=True).values_list("name", flat=True))
    return tuple(TopicUse(name, name in there, kind == "source") for name in dict.fromkeys(names))


def inside(files: Path, path: str) -> bool:
    """Whether a relative path stays below the directory of file connectors, links followed."""
    directory = files.resolve()
    try:
        led = (directory / path).resolve()
    except (OSError, ValueError, RuntimeError):
        return False
    return led != directory and directory in Path(led).parents


def offsets_in_words(connect: Connect, name: str) -> tuple[tuple[str, str], ...]:
    """Where it stands: each partition and offset as the connector writes them."""
    found = connect.api.offsets(name)
    return tuple((_compact(each.partition), _compact(each.offset or {})) for each in found)


def _compact(raw: Mapping[str, object]) -> str:
    return ", ".join(f"{key} {value}" for key, value in sorted(raw.items()))


def masked(connect: Connect, name: str) -> dict[str, str]:
    """Its settings for people, without its name; also what the plugin calls a password is hidden."""
    config = connect.api.config(name)
    shown = mask(config, passwords_of(connect.api, config))
    return {setting: value for setting, value in shown.items() if setting != "name"}


def passwords_of(api: ConnectApi, config: Mapping[str, str]) -> frozenset[str]:
    """What the plugin calls passwords: a name alone need not tell."""
    try:
        return api.validation(config.get("connector.class", ""), config).secrets
    except GatewayError:
        return frozenset()


def ends_of(connect: Connect, wanted: Iterable[Offset]) -> dict[tuple[str, int], int] | None:
    """Where the partitions end that a sink is to be set in; None where the cluster cannot be asked."""
    found: dict[tuple[str, int], int] = {}
    gateway = gateway_for(connect.cluster)
    try:
        for topic in {topic for topic, _ in offsets.places_of(wanted)}:
            with suppress(NotThere):
                found |= {(topic, index): each.end for index, each in gateway.bounds(topic).items()}
    except ValueError:
        return found  # the plan says what is wrong with it
    except GatewayError:
        return None
    return found
