"""What a Connect worker keeps is nobody else's: its topics by the pages of topics and records, files of its machine by connectors."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from broker.connect_spec import ConnectSpec
from broker.paths import DataPaths
from controlplane.accounts.services import create_token
from controlplane.audit.models import Operation
from controlplane.clusters.models import Cluster
from controlplane.core.access import Role
from controlplane.gateways import workers
from tests.conftest import Api, make_user
from tests.web.people import signed_in, token_text

pytestmark = pytest.mark.django_db(transaction=True)
TOPICS = "clusters/main/topics/"
CONNECTORS = "clusters/main/connect/bundled/connectors/"


def test_topics_of_a_worker_are_neither_written_nor_read_nor_deleted(
    cluster: Cluster, connect_worker: ConnectSpec, api: Callable[[Role], Api], prefix: str
) -> None:
    """Whoever wrote there would make connectors past every check."""
    anna = api(Role.ADMIN)
    configs, offsets, _ = connect_worker.topics
    for topic in (configs, offsets):
        refused = anna("POST", f"{TOPICS}{topic}/records/", {"records": [{"value": "x"}]})
        assert refused.status_code == 422
        assert [each["code"] for each in refused.json()["refusals"]] == ["internal"]
        gone = anna("DELETE", f"{TOPICS}{topic}/?dry_run=true").json()
        assert [each["code"] for each in gone["refusals"]] == ["internal"]
    read = anna("GET", f"{TOPICS}{configs}/records/")
    assert (read.status_code, "is not shown" in read.content.decode()) == (422, True)
    assert (
        "is not shown"
        in signed_in(Role.VIEWER).get(f"/clusters/main/topics/{configs}/messages/").content.decode()
    )
    assert anna("GET", f"{TOPICS}{offsets}/records/").status_code == 200
    # They name connectors of flows from clusters that not everybody sees.
    half = Api(
        create_token(user=make_user(f"half-{prefix}", Role.ADMIN, "main"), name="t", role=Role.ADMIN)[1]
    )
    for name in (offsets, connect_worker.topics[2]):
        answer = half("GET", f"{TOPICS}{name}/records/")
        assert (answer.status_code, "a role on every cluster" in answer.content.decode()) == (422, True)
    for name in (configs, "kastellan-connect-0a1b2c3d-configs"):
        asked = anna(
            "POST", f"{TOPICS}?dry_run=true", {"name": name, "partitions": 1, "replication_factor": 1}
        )
        assert "name_of_worker" in {each["code"] for each in asked.json()["refusals"]}


def test_an_operators_connector_names_no_files_of_the_machine(
    cluster: Cluster, connect_worker: ConnectSpec, api: Callable[[Role], Api], prefix: str
) -> None:
    """With a broker's own key a connector would be a super user."""
    mirror = {
        "connector.class": "org.apache.kafka.connect.mirror.MirrorHeartbeatConnector",
        "source.cluster.alias": "a",
        "target.cluster.alias": "b",
        "target.cluster.bootstrap.servers": "127.0.0.1:9092",
        "target.cluster.security.protocol": "SSL",
        "target.cluster.ssl.keystore.location": "/srv/nodes/1/tls/keystore.pem",
    }
    path, body = f"{CONNECTORS}{prefix}/", {"config": mirror, "initial_state": "STOPPED"}
    operator = api(Role.OPERATOR)("PUT", path, body)
    assert operator.status_code == 403, operator.content
    # Loopback is the machine's too; elsewhere an operator may copy what he likes.
    there = {key: value for key, value in mirror.items() if "ssl" not in key}
    assert api(Role.OPERATOR)("PUT", path, {**body, "config": there}).status_code == 403
    away = there | {"target.cluster.bootstrap.servers": "198.41.0.4:9092"}
    asked = api(Role.OPERATOR)("PUT", f"{path}?dry_run=true", {**body, "config": away})
    assert (asked.status_code, asked.json()["allowed"]) == (200, True), asked.content
    assert prefix not in str(api(Role.ADMIN)("GET", CONNECTORS).json())


FILE_SOURCE = {"connector.class": "FileStreamSource", "file": "in.txt", "topic": "lines", "tasks.max": "1"}


@pytest.mark.parametrize(
    "config",
    [
        FILE_SOURCE,
        {
            "connector.class": "org.apache.kafka.connect.mirror.MirrorSourceConnector",
            "source.cluster.alias": "a",
            "target.cluster.alias": "b",
            "source.cluster.bootstrap.servers": "198.41.0.4:9092",
            "source.cluster.ssl.keystore.location": "/srv/clusters/other/nodes/1/tls/keystore.pem",
        },
    ],
)
def test_an_admin_of_one_cluster_is_none_of_the_machine(
    cluster: Cluster, connect_worker: ConnectSpec, prefix: str, config: dict[str, str]
) -> None:
    """Keys and files of every cluster lie on it: by them he would be an admin of all."""
    alone = Api(token_text(Role.ADMIN, cluster="main"))
    path = f"{CONNECTORS}{prefix}/"
    for query in ("?dry_run=true", ""):
        refused = alone("PUT", f"{path}{query}", {"config": config})
        assert refused.status_code == 403, refused.content
        assert "machine.use" in refused.json()["detail"]
    plugins = alone("POST", "clusters/main/connect-worker/plugins/", {"coordinates": "org.a:b:1"})
    assert plugins.status_code == 403
    assert "connect_plugin.manage" in plugins.json()["detail"]


def test_files_that_were_laid_beside_a_worker_are_not_an_operators(
    cluster: Cluster, connect_worker: ConnectSpec, api: Callable[[Role], Api], prefix: str
) -> None:
    """What is in them can come back in what the worker says of a setting; then it is hidden, in the audit too."""
    owner = f"sap-{prefix}"
    workers.store_secrets("main", owner, {"pw": "hunter2secret"})
    said = workers.secret_reference("main", owner, "pw")
    config = {**FILE_SOURCE, "tasks.max": said}
    path = f"{CONNECTORS}{prefix}/"
    assert api(Role.OPERATOR)("PUT", f"{path}?dry_run=true", {"config": config}).status_code == 403
    for query in ("?dry_run=true", ""):
        answer = api(Role.ADMIN)("PUT", f"{path}{query}", {"config": config})
        assert "Invalid value [hidden] for configuration tasks.max" in answer.content.decode()
    kept = Operation.objects.filter(cluster="main").values_list("plan", "error", "details")
    assert "hunter2" not in str(list(kept))
    workers.forget_secrets("main", owner)


def test_the_log_of_a_worker_does_not_tell_the_password_of_its_rest_api(
    cluster: Cluster, connect_worker: ConnectSpec, data_paths: DataPaths
) -> None:
    """Jetty writes every header at DEBUG."""
    endpoint = workers.rest_endpoint(connect_worker)
    password = endpoint.password_file.read_text().strip()
    header = base64.b64encode(f"{endpoint.username}:{password}".encode()).decode()
    with data_paths.log(connect_worker.process_name).open("a") as file:
        file.write(f"DEBUG Authorization={header} jetty\nDEBUG {password} jetty\n")
    shown = signed_in(Role.VIEWER).get("/clusters/main/connect-worker/?search=jetty").content.decode()
    assert "DEBUG [hidden] jetty" in shown
    assert header not in shown
    assert password not in shown


def test_a_viewer_is_shown_no_review_of_a_log_level(cluster: Cluster, connect_worker: ConnectSpec) -> None:
    page = "/clusters/main/connect/bundled/+log-levels/"
    wanted = {"logger": "root", "level": "DEBUG", "minutes": "5"}
    assert signed_in(Role.VIEWER).post(page, wanted).status_code == 403
