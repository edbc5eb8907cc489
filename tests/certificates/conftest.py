"""What the tests of certificates share: an issued certificate, its files on disk, and nothing left behind in Kafka; and a
small cluster of its own for what would disturb everybody: authorities replaced, brokers restarted."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from broker import artifacts as artifacts_
from broker import cluster as clusters_
from broker.admin_user import ensure_admin_user
from broker.control import ControlClient
from broker.paths import DataPaths
from broker.spec import ClusterSpec
from controlplane.clusters.models import Cluster
from controlplane.core.access import Role
from controlplane.gateways.kafka.access_types import (
    Acl,
    AclFilter,
    AclOperation,
    AclPermission,
    AclResourceType,
    PatternType,
)
from controlplane.gateways.kafka.gateway import KafkaGateway
from tests.conftest import Api
from tests.environment import PORTS
from tests.waiting import eventually

READY_SECONDS = 180
CERTIFICATES = "clusters/main/certificates/"


@dataclass(frozen=True)
class Handed:
    """The answer of an issue, unpacked as its owner would."""

    answer: dict[str, Any]
    directory: Path

    @property
    def serial(self) -> str:
        return str(self.answer["serial"])

    @property
    def principal(self) -> str:
        return str(self.answer["principal"])


Issue = Callable[..., Handed]
Allow = Callable[[str, AclOperation, str], None]


@pytest.fixture(autouse=True)
def _own_metric_history(tmp_path: Path, settings: Any) -> None:
    settings.METRICS_DATABASE = tmp_path / "metrics.sqlite3"


@pytest.fixture
def admin_api(cluster: Cluster, api: Callable[[Role], Api]) -> Api:
    return api(Role.ADMIN)


@pytest.fixture
def issue(admin_api: Api, tmp_path: Path) -> Issue:
    def made(name: str, **more: Any) -> Handed:
        answer = admin_api("POST", CERTIFICATES, {"common_name": name, **more})
        assert answer.status_code == 201, answer.content
        return Handed(answer.json(), unpacked(answer.json()["bundle"], tmp_path / answer.json()["serial"]))

    return made


def unpacked(bundle: str, directory: Path) -> Path:
    directory.mkdir()
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(bundle))) as archive:
        archive.extractall(directory)
    (folder,) = directory.iterdir()  # nothing is strewn about
    return folder


@pytest.fixture
def allow(gateway: KafkaGateway) -> Iterator[Allow]:
    """One ALLOW on a topic, read back; all that this test's principals have is deleted afterwards."""
    principals: set[str] = set()

    def give(principal: str, operation: AclOperation, topic: str) -> None:
        principals.add(principal)
        acl = Acl(
            principal, "*", operation, AclPermission.ALLOW, AclResourceType.TOPIC, topic, PatternType.LITERAL
        )
        gateway.create_acls([acl])
        eventually(lambda: acl in gateway.describe_acls(AclFilter(principal=principal)))

    yield give
    if principals:
        gateway.delete_acls([AclFilter(principal=each) for each in principals])


@pytest.fixture
def unblocked(gateway: KafkaGateway) -> Iterator[Callable[[str], str]]:
    """Names whose denials are deleted at the end, whatever the test left."""
    principals: list[str] = []

    def keep(principal: str) -> str:
        principals.append(principal)
        return principal

    yield keep
    if principals:
        gateway.delete_acls([AclFilter(principal=each) for each in principals])


@pytest.fixture(scope="session")
def lone_spec(data_paths: DataPaths, control: ControlClient) -> Iterator[ClusterSpec]:
    """One real broker named `lone`, secured as every other."""
    installed = artifacts_.Artifacts.at(data_paths.artifacts)
    artifacts_.fetch(artifacts_.Lock.load(), installed.groups(), data_paths.artifacts)
    spec = clusters_.create_cluster(data_paths, name="lone", brokers=1, artifacts=installed, base_port=PORTS)
    control.apply(clusters_.prepare(data_paths, spec, datetime.now(UTC), artifacts=installed))
    control.wait_ready([spec.process_name(node) for node in spec.nodes], READY_SECONDS)
    ensure_admin_user(data_paths, spec)
    yield spec
    control.stop(spec.process_name(spec.nodes[0]))


@pytest.fixture
def lone(lone_spec: ClusterSpec, db: None) -> Cluster:
    from controlplane.clusters.services import register_bundled

    return next(row for row in register_bundled() if row.name == lone_spec.name)
