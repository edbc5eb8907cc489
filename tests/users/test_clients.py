"""The downloaded files, tried by real clients that use nothing else: Java, librdkafka and kafka-python."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from broker import artifacts as artifacts_
from broker.java import find_java
from broker.paths import DataPaths
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
from controlplane.gateways.kafka.types import OffsetSpec, TopicPartition
from tests.conftest import Api
from tests.waiting import eventually

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean")]
#: With everything in it that a file format could trip over.
AWKWARD = 'pa$$ "word" \\n #1; ünï=5'
#: Java's own Properties reads client.properties (`bundle:`), and a real Java producer of Kafka's client is made from it.
LOG4J = """<Configuration><Appenders><Kafka name="kafka" topic="{topic}" syncSend="true" ignoreExceptions="false">
<PatternLayout pattern="from java"/>{properties}</Kafka></Appenders><Loggers>
<Logger name="kafka.Kafka$" level="error"><AppenderRef ref="kafka"/></Logger><Root level="off"/></Loggers></Configuration>"""


@pytest.fixture
def topic(make_topic: Callable[..., str], gateway: KafkaGateway, prefix: str) -> Iterator[str]:
    yield make_topic(f"{prefix}-mine")
    gateway.delete_topics([f"{prefix}-mine"])


@pytest.fixture(params=["SCRAM-SHA-256", "SCRAM-SHA-512"])
def files(
    request: pytest.FixtureRequest, cluster: Cluster, gateway: KafkaGateway, api: Callable[[Role], Api], prefix: str, tmp_path: Path
) -> Path:  # fmt: skip
    """A user who may write to topics of the prefix, and the directory with the files of its download."""
    name = f"{prefix} app@example.org"
    body = {"name": name, "mechanism": request.param, "password": AWKWARD, "iterations": 4096}
    made = api(Role.ADMIN)("POST", "clusters/main/users/", body)
    assert made.status_code == 201, made.content
    for file, text in made.json()["files"].items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    acl = Acl(
        f"User:{name}", "*", AclOperation.WRITE, AclPermission.ALLOW, AclResourceType.TOPIC, prefix, PatternType.PREFIXED
    )  # fmt: skip
    gateway.create_acls([acl])
    eventually(lambda: gateway.describe_acls(AclFilter(principal=f"User:{name}")) == (acl,))
    return tmp_path


def end_of(gateway: KafkaGateway, topic: str) -> int:
    partition = TopicPartition(topic, 0)
    return gateway.list_offsets(OffsetSpec.LATEST, [partition])[partition]


def run(*command: str, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, input=stdin, capture_output=True, text=True, timeout=90, check=False
    )


@pytest.mark.parametrize("script", ["confluent_kafka_client.py", "kafka_python_client.py"])
def test_the_python_files_produce_and_are_refused_on_a_foreign_topic(
    files: Path, gateway: KafkaGateway, topic: str, make_topic: Callable[..., str], script: str
) -> None:
    done = run(sys.executable, script, topic, "hello", cwd=files)
    assert done.returncode == 0, done.stderr
    assert end_of(gateway, topic) == 1
    foreign = make_topic(f"foreign-{topic}")
    try:
        refused = run(sys.executable, script, foreign, "hello", cwd=files)
        assert refused.returncode != 0
        assert "uthoriz" in refused.stderr
        assert end_of(gateway, foreign) == 0
    finally:
        gateway.delete_topics([foreign])


def test_the_java_file_produces(
    files: Path, data_paths: DataPaths, gateway: KafkaGateway, topic: str
) -> None:
    keys = [line.partition("=")[0] for line in (files / "client.properties").read_text().splitlines()]
    properties = "".join(f'<Property name="{key}">${{bundle:client:{key}}}</Property>' for key in keys)
    (files / "log4j.xml").write_text(LOG4J.format(topic=topic, properties=properties))
    jars = ":".join(str(jar) for jar in artifacts_.Artifacts.at(data_paths.artifacts).classpath())
    done = run(
        str(find_java({}).executable), "-cp", f"{files}:{jars}", "-Dlog4j2.configurationFile=log4j.xml", "kafka.Kafka",
        "there-is-no-such-file.properties", cwd=files,
    )  # fmt: skip
    assert end_of(gateway, topic) == 1, done.stderr + done.stdout


def test_kcat_takes_the_file_where_its_librdkafka_is_new_enough(
    files: Path, gateway: KafkaGateway, topic: str
) -> None:
    """librdkafka before 2.6.1 cannot do SCRAM with Kafka 3.8.1 and later; what distributions ship is older."""
    kcat = shutil.which("kcat")
    if kcat is None:
        pytest.skip("no kcat on this machine")
    version = run(kcat, "-V", cwd=files).stdout.partition("librdkafka ")[2].split()[0]
    done = run(
        kcat,
        "-F",
        "kcat.conf",
        "-P",
        "-t",
        topic,
        "-X",
        "message.timeout.ms=8000",
        cwd=files,
        stdin="hello\n",
    )
    if tuple(int(part) for part in version.split(".")[:3]) < (2, 6, 1):
        assert end_of(gateway, topic) == 0
        assert "SASL" in done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert end_of(gateway, topic) == 1
