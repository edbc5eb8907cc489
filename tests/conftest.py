"""Fixtures for everyone: one data directory and one real three-broker cluster for the whole session.

Tests isolate themselves by a topic prefix (`prefix`). KASTELLAN_TEST_DATA names the data directory of a
cluster that is already up (tests/environment.py); it is then neither started nor stopped here.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from broker import artifacts as artifacts_
from broker import cluster as clusters_
from broker.admin_user import ensure_admin_user
from broker.control import ControlClient, ensure_supervisor
from broker.paths import DataPaths
from broker.spec import ClusterSpec
from tests.diary import note_processes
from tests.environment import DATA, PORTS, SHARED
from tests.waiting import eventually

if TYPE_CHECKING:
    from controlplane.accounts.models import User
    from controlplane.clusters.models import Cluster
    from controlplane.core.access import Role
    from controlplane.gateways.kafka.gateway import KafkaGateway

#: One browser for the whole session: two synchronous Playwrights cannot run in one process.
pytest_plugins = ["tests.browsing", "tests.connecting", "tests.replicating"]
READY_SECONDS = 180


@pytest.fixture(scope="session", autouse=True)
def _passwords_cost_nothing() -> None:
    from django.conf import settings

    settings.PASSWORD_HASHERS = ["tests.hashing.CheapArgon2"]


@pytest.fixture(scope="session")
def data_paths() -> Iterator[DataPaths]:
    paths = DataPaths(Path(DATA)).prepare()
    yield paths
    if not SHARED:
        shutil.rmtree(paths.root, ignore_errors=True)


@pytest.fixture(scope="session")
def control(data_paths: DataPaths) -> Iterator[ControlClient]:
    """The supervisor of the session's data directory; everything it started has ended afterwards."""
    client = ensure_supervisor(data_paths)
    yield client
    note_processes(client)
    if not SHARED:
        client.shutdown(stop_children=True)
        client.wait_gone(120)


@pytest.fixture(scope="session")
def cluster_spec(data_paths: DataPaths, control: ControlClient) -> ClusterSpec:
    """Three real brokers, secured as in production, and the Kafka user `admin`."""
    installed = artifacts_.Artifacts.at(data_paths.artifacts)
    artifacts_.fetch(artifacts_.Lock.load(), installed.groups(), data_paths.artifacts)
    spec = clusters_.create_cluster(data_paths, artifacts=installed, base_port=PORTS)
    if not SHARED:
        control.apply(clusters_.prepare(data_paths, spec, datetime.now(UTC), artifacts=installed))
    control.wait_ready([spec.process_name(node) for node in spec.nodes], READY_SECONDS)
    ensure_admin_user(data_paths, spec)
    return spec


@pytest.fixture(scope="session", autouse=True)
def _connections_end_with_the_session() -> Iterator[None]:
    yield
    from controlplane.clusters.services import close_gateways

    close_gateways()


@pytest.fixture
def prefix() -> str:
    """Unique per test: names of topics and groups start with it."""
    return f"t{secrets.token_hex(4)}"


@pytest.fixture
def cluster(cluster_spec: ClusterSpec, db: None) -> Cluster:
    """The registered row of the session's cluster, with a fresh snapshot."""
    from controlplane.clusters.services import refresh, register_bundled

    (row,) = [found for found in register_bundled() if found.name == cluster_spec.name]
    # A test before this one may have stopped brokers, so that the gateway has given up asking for a while.
    eventually(lambda: _answers(row), timeout=120, every=0.2)
    refresh(row)
    return row


def _answers(row: Cluster) -> bool:
    from controlplane.clusters.services import gateway_for
    from controlplane.gateways.errors import GatewayError

    try:
        return bool(gateway_for(row).describe_cluster().brokers)
    except GatewayError:
        return False


@pytest.fixture
def gateway(cluster: Cluster) -> KafkaGateway:
    from controlplane.clusters.services import gateway_for

    return gateway_for(cluster)


@pytest.fixture
def make_topic(cluster: Cluster, gateway: KafkaGateway) -> Callable[..., str]:
    """Creates a topic and waits until every broker knows it and every partition has a leader."""
    from controlplane.topics.services import exists_everywhere

    def make(name: str, partitions: int = 1) -> str:
        gateway.create_topic(name, partitions, 3, {})
        eventually(lambda: exists_everywhere(cluster, name, partitions=partitions), timeout=30)
        return name

    return make


@pytest.fixture
def users(db: None) -> dict[Role, User]:
    """vera views, otto operates, anna administrates; each on every cluster."""
    from controlplane.core.access import Role

    names = {Role.VIEWER: "vera", Role.OPERATOR: "otto", Role.ADMIN: "anna"}
    return {role: make_user(name, role) for role, name in names.items()}


def make_user(name: str, role: Role, cluster: str = "*") -> User:
    from controlplane.accounts.models import RoleGrant, User

    user = User.objects.create_user(username=name, password=f"{name}-long-enough-password")
    RoleGrant.objects.create(user=user, cluster=cluster, role=role.value)
    return user


class Api:
    """The REST API as a script uses it: a token, JSON in and out."""

    def __init__(self, token: str) -> None:
        self.client = Client(headers={"Authorization": f"Token {token}"})

    def __call__(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        data = "" if body is None else json.dumps(body)
        return self.client.generic(
            method, f"/api/v1/{path}", data, content_type="application/json", headers=sent
        )


@pytest.fixture
def api(users: dict[Role, User]) -> Callable[[Role], Api]:
    from controlplane.accounts.services import create_token

    def make(role: Role) -> Api:
        return Api(create_token(user=users[role], name=role.value)[1])

    return make
