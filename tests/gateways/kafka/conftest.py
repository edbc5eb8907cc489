"""Gateways to the session's real cluster: as the control plane itself, and as the SCRAM user `admin`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest

from broker import cluster as bundled
from broker.credentials import admin_files
from broker.paths import DataPaths
from broker.render import bootstrap
from broker.spec import ClusterSpec
from controlplane.gateways.errors import NotFound
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.security import KafkaConnection, ScramTls, Tls
from controlplane.gateways.kafka.types import OffsetSpec, TopicPartition
from tests.waiting import eventually

logging.getLogger("kafka").setLevel(logging.CRITICAL)


@pytest.fixture(scope="session")
def connection(data_paths: DataPaths, cluster_spec: ClusterSpec) -> KafkaConnection:
    files = bundled.control_credentials(data_paths, cluster_spec)
    security = Tls(cafile=str(files.cafile), certfile=str(files.certfile), keyfile=str(files.keyfile))
    return KafkaConnection(bootstrap(cluster_spec, "INTERNAL"), security)


@pytest.fixture(scope="session")
def admin_connection(data_paths: DataPaths, cluster_spec: ClusterSpec) -> KafkaConnection:
    files = admin_files(data_paths.cluster(cluster_spec.name))
    lines = files.java.read_text().splitlines()
    jaas = next(line for line in lines if line.startswith("sasl.jaas.config="))
    password = jaas.split('password="', 1)[1].split('"', 1)[0]
    return KafkaConnection(
        bootstrap(cluster_spec, "SASL_SSL"),
        ScramTls("admin", password, tls=Tls(cafile=str(files.ca))),
    )


@pytest.fixture(scope="session")
def gateway(connection: KafkaConnection) -> Iterator[KafkaGateway]:
    made = KafkaGateway(connection)
    yield made
    made.close()


@pytest.fixture
def topic(gateway: KafkaGateway, prefix: str) -> Iterator[Callable[..., str]]:
    """Makes topics that every broker knows and that all have leaders; they are deleted afterwards."""
    made: list[str] = []

    def make(partitions: int = 1, replication_factor: int = 1, **configs: str) -> str:
        name = f"{prefix}-{len(made)}"
        settings = {key.replace("_", "."): value for key, value in configs.items()}
        gateway.create_topic(name, partitions, replication_factor, settings)
        made.append(name)
        eventually(lambda: is_everywhere(gateway, name, partitions), timeout=20)
        return name

    yield make
    if made:
        gateway.delete_topics(made)


def is_everywhere(gateway: KafkaGateway, name: str, partitions: int) -> bool:
    try:
        for node in gateway.describe_cluster().brokers:
            (described,) = gateway.describe_topics([name], broker=node.id)
            if len(described.partitions) != partitions or any(p.leader is None for p in described.partitions):
                return False
    except NotFound:
        return False
    wanted = [TopicPartition(name, index) for index in range(partitions)]
    return len(gateway.list_offsets(OffsetSpec.LATEST, wanted)) == partitions
