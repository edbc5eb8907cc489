"""Who gets in where, on real brokers: each listener takes its own kind of credentials and refuses all others."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from broker import pki, wire
from broker.admin_user import ensure_admin_user
from broker.cluster import bootstrap, control_credentials, jolokia_endpoint
from broker.credentials import ControlCredentials, admin_files, ensure_authorities
from broker.health import JolokiaFacts
from broker.paths import DataPaths
from broker.pki import Purpose
from broker.spec import INTERNAL, ClusterSpec, Protocol
from tests.waiting import eventually

TIMEOUT = 6


def issued(
    paths: DataPaths, spec: ClusterSpec, purpose: Purpose, name: str, directory: Path, ca: Path
) -> ControlCredentials:
    """A certificate of the cluster's own authorities, with the CA that verifies the brokers."""
    now = datetime.now(UTC)
    authorities = ensure_authorities(paths.cluster(spec.name), spec, purpose, ("localhost",), now).current
    leaf = pki.issue(authorities, name, ("localhost",), now)
    (directory / "certificate.pem").write_text(authorities.chain_pem(leaf.certificate))
    (directory / "key.pem").write_text(leaf.key_pem)
    return ControlCredentials(ca, directory / "certificate.pem", directory / "key.pem")


@pytest.fixture
def control_files(data_paths: DataPaths, cluster_spec: ClusterSpec) -> ControlCredentials:
    return control_credentials(data_paths, cluster_spec)


@pytest.fixture
def client_files(
    data_paths: DataPaths, cluster_spec: ClusterSpec, control_files: ControlCredentials, tmp_path: Path
) -> ControlCredentials:
    return issued(data_paths, cluster_spec, Purpose.CLIENTS, "orders.svc", tmp_path, control_files.cafile)


def speak(spec: ClusterSpec, listener: str, credentials: ControlCredentials) -> tuple[wire.Outcome, ...]:
    body = wire.describe_scram_request(["admin"])
    target = spec.nodes[0].listener(listener)
    return wire.describe_scram_response(
        wire.exchange(target, credentials, wire.DESCRIBE_SCRAM, body, TIMEOUT)
    )


@pytest.mark.parametrize("listener", [INTERNAL, "CONTROLLER"])
def test_the_control_planes_certificate_is_taken_between_nodes(
    cluster_spec: ClusterSpec, control_files: ControlCredentials, listener: str
) -> None:
    handshake(cluster_spec, listener, control_files)


def test_the_control_planes_principal_may_do_everything(
    cluster_spec: ClusterSpec, control_files: ControlCredentials
) -> None:
    assert set(speak(cluster_spec, INTERNAL, control_files)[0].mechanisms) == {1, 2}


def handshake(
    spec: ClusterSpec, listener: str, credentials: ControlCredentials | None, ca: Path | None = None
) -> None:
    """Sends a request and reads one byte: with TLS 1.3 a refused client certificate shows on the first read."""
    context = ssl.create_default_context(cafile=str(ca or (credentials and credentials.cafile)))
    if credentials:
        context.load_cert_chain(credentials.certfile, credentials.keyfile)
    target = spec.nodes[0].listener(listener)
    with (
        socket.create_connection((target.host, target.port), TIMEOUT) as plain,
        context.wrap_socket(plain, server_hostname=target.host) as tls,
    ):
        # ApiVersions, version 0: the one request that every listener answers before anything else.
        message = b"\x00\x12\x00\x00\x00\x00\x00\x01\xff\xff"
        tls.sendall(len(message).to_bytes(4, "big") + message)
        if not tls.recv(1):
            raise ConnectionResetError("closed without an answer")


@pytest.mark.parametrize("listener", [INTERNAL, "CONTROLLER"])
def test_a_clients_certificate_is_refused_between_nodes(
    cluster_spec: ClusterSpec, client_files: ControlCredentials, listener: str
) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        handshake(cluster_spec, listener, client_files)


def test_the_control_planes_certificate_is_refused_on_the_clients_listener(
    cluster_spec: ClusterSpec, control_files: ControlCredentials, client_files: ControlCredentials
) -> None:
    handshake(cluster_spec, "SSL", client_files)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        handshake(cluster_spec, "SSL", control_files)


@pytest.mark.parametrize("listener", [INTERNAL, "CONTROLLER", "SSL"])
def test_without_a_certificate_nobody_gets_in(
    cluster_spec: ClusterSpec, control_files: ControlCredentials, listener: str
) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        handshake(cluster_spec, listener, None, control_files.cafile)


@pytest.mark.parametrize("listener", [INTERNAL, "CONTROLLER", "SSL", "SASL_SSL"])
def test_no_listener_speaks_without_tls(cluster_spec: ClusterSpec, listener: str) -> None:
    target = cluster_spec.nodes[0].listener(listener)
    with socket.create_connection((target.host, target.port), TIMEOUT) as plain:
        message = b"\x00\x12\x00\x00\x00\x00\x00\x01\xff\xff"
        plain.sendall(len(message).to_bytes(4, "big") + message)
        try:
            answer = plain.recv(64)
        except ConnectionError:
            answer = b""
    # At most a TLS alert (record type 21).
    assert answer == b"" or answer[0] == 21


def test_a_clients_certificate_may_nothing_without_a_rule(
    cluster_spec: ClusterSpec, client_files: ControlCredentials
) -> None:
    (outcome,) = speak(cluster_spec, "SSL", client_files)
    assert outcome.error_code == 31  # CLUSTER_AUTHORIZATION_FAILED


def login(spec: ClusterSpec, ca: Path, **more: str) -> AdminClient:
    """librdkafka, a client that is not ours; its complaints are not wanted on standard error."""
    settings: dict[str, str | int | float | bool] = {
        "bootstrap.servers": bootstrap(spec, Protocol.SASL_SSL),
        "security.protocol": "SASL_SSL",
        "ssl.ca.location": str(ca),
        "log_level": 0,
        **{key.replace("_", "."): value for key, value in more.items()},
    }
    return AdminClient(settings)


def password(paths: DataPaths) -> str:
    return paths.secret("admin-password").read_text()


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_the_admin_logs_in_by_either_mechanism(
    data_paths: DataPaths, cluster_spec: ClusterSpec, control_files: ControlCredentials, mechanism: str
) -> None:
    known = {"sasl_mechanisms": mechanism, "sasl_username": "admin", "sasl_password": password(data_paths)}
    assert len(login(cluster_spec, control_files.cafile, **known).list_topics(timeout=10).brokers) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"sasl_password": "wrong"},
        {"sasl_username": "kastellan-control"},
        {"sasl_username": "nobody"},
        {"sasl_mechanisms": "PLAIN"},
    ],
)
def test_wrong_logins_are_refused(
    data_paths: DataPaths, cluster_spec: ClusterSpec, control_files: ControlCredentials, wrong: dict[str, str]
) -> None:
    right = {
        "sasl_mechanisms": "SCRAM-SHA-512",
        "sasl_username": "admin",
        "sasl_password": password(data_paths),
    }
    with pytest.raises(KafkaException):
        login(cluster_spec, control_files.cafile, **{**right, **wrong}).list_topics(timeout=3)


def test_making_the_admin_again_heals_and_keeps_the_password(
    data_paths: DataPaths, cluster_spec: ClusterSpec
) -> None:
    before = password(data_paths)
    files = ensure_admin_user(data_paths, cluster_spec)
    assert password(data_paths) == before
    assert {file.stat().st_mode & 0o777 for file in files.directory.iterdir()} == {0o600}


@pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not installed")
def test_kcat_produces_and_consumes_with_the_files_of_the_admin(
    data_paths: DataPaths, cluster_spec: ClusterSpec, prefix: str
) -> None:
    files = admin_files(data_paths.cluster(cluster_spec.name))
    settings: dict[str, str | int | float | bool] = {}
    for line in files.kcat.read_text().splitlines():
        key, _, value = line.partition("=")
        settings[key] = value
    admin = AdminClient(settings)
    for future in admin.create_topics([NewTopic(prefix, 1, 3)]).values():
        future.result()
    kcat = ["kcat", "-q", "-F", str(files.kcat), "-t", prefix]

    def produced() -> bool:
        run = subprocess.run(
            [*kcat, "-P"], input="hello\n", text=True, capture_output=True, timeout=30, check=False
        )
        return run.returncode == 0

    try:
        eventually(produced, timeout=20)
        run = subprocess.run([*kcat, "-C", "-e"], capture_output=True, text=True, timeout=30, check=True)
        assert "hello" in run.stdout.splitlines()
    finally:
        for future in admin.delete_topics([prefix]).values():
            future.result()


def agent(
    paths: DataPaths, spec: ClusterSpec, body: object, *, method: str = "POST", path: str = "", **more: str
) -> object:
    """The agent's answer, or the number of its refusal."""
    endpoint = jolokia_endpoint(paths, spec, spec.nodes[0])
    manager = urllib.request.HTTPPasswordMgrWithPriorAuth()
    secret = more.pop("password", endpoint.password_file.read_text())
    manager.add_password(None, endpoint.url, endpoint.username, secret, is_authenticated=bool(secret))
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPBasicAuthHandler(manager)
    )
    data = None if method == "GET" else json.dumps(body).encode()
    request = urllib.request.Request(endpoint.url + path, data, headers=more, method=method)
    try:
        with opener.open(request, timeout=TIMEOUT) as response:
            assert "Access-Control-Allow-Origin" not in response.headers
            return json.loads(response.read()).get("status")
    except urllib.error.HTTPError as error:
        with error:
            return error.code


READ = {"type": "read", "mbean": "java.lang:type=Runtime", "attribute": "Uptime"}
DEADLOCKS = {"type": "exec", "mbean": "java.lang:type=Threading", "operation": "findDeadlockedThreads"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (READ, 200),
        ({"type": "version"}, 200),
        ({"type": "search", "mbean": "kafka.server:*"}, 200),
        (DEADLOCKS, 200),
        ({**DEADLOCKS, "operation": "dumpAllThreads(boolean,boolean)", "arguments": [True, True]}, 403),
        ({"type": "exec", "mbean": "java.lang:type=Memory", "operation": "gc"}, 403),
        ({"type": "exec", "mbean": "com.sun.management:type=DiagnosticCommand", "operation": "vmFlags"}, 403),
        ({"type": "write", "mbean": "java.lang:type=Memory", "attribute": "Verbose", "value": True}, 403),
        (
            {
                "type": "write",
                "mbean": "java.lang:type=Threading",
                "attribute": "ThreadCpuTimeEnabled",
                "value": True,
            },
            403,
        ),
        ({**READ, "target": {"url": "service:jmx:rmi:///jndi/ldap://127.0.0.1:9/x"}}, 403),
    ],
)
def test_the_agent_reads_and_does_nothing_else(
    data_paths: DataPaths, cluster_spec: ClusterSpec, body: dict[str, object], status: int
) -> None:
    assert agent(data_paths, cluster_spec, body) == status


def test_the_agent_refuses_without_password_and_by_get(
    data_paths: DataPaths, cluster_spec: ClusterSpec
) -> None:
    assert agent(data_paths, cluster_spec, READ, password="") == 401
    assert agent(data_paths, cluster_spec, READ, password="wrong") == 401
    assert agent(data_paths, cluster_spec, None, method="GET", path="read/java.lang:type=Runtime") == 403


def test_the_agent_gives_no_other_origin_leave_to_read(
    data_paths: DataPaths, cluster_spec: ClusterSpec
) -> None:
    assert agent(data_paths, cluster_spec, READ, Origin="http://evil.example") == 200


def test_the_agents_alone_tell_the_state_of_the_cluster(
    data_paths: DataPaths, cluster_spec: ClusterSpec
) -> None:
    def settled() -> bool:
        view = JolokiaFacts(data_paths, cluster_spec).view()
        return view.online == {1, 2, 3} and view.quorum.leader in view.online

    assert eventually(settled, timeout=20)
