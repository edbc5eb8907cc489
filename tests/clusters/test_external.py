"""External clusters: registered with a real connection, used like any other, refused with the reason in words."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from django.test import Client

from broker.paths import DataPaths
from broker.spec import ClusterSpec
from controlplane.accounts.models import RoleGrant, User
from controlplane.alerts.selectors import sight
from controlplane.audit.models import Operation
from controlplane.clusters import principals, registration, services
from controlplane.clusters.connections import connection_row
from controlplane.clusters.logic.connection_steps import steps
from controlplane.clusters.logic.connections import ClusterRequest, ConnectionRequest
from controlplane.clusters.models import Cluster, ExternalConnection, TopicSnapshot
from controlplane.core.access import Role
from controlplane.core.secrets import SecretUnreadable
from controlplane.gateways.errors import TargetRefused
from controlplane.gateways.kafka.security import ScramTls
from controlplane.metrics import polling, probe, protocol_poll
from controlplane.metrics.selectors import store
from tests.clusters.external import NAME, by_certificate, by_password, register
from tests.conftest import Api
from tests.waiting import eventually

pytestmark = pytest.mark.django_db
ApiOf = Callable[[Role], Api]
Make = Callable[..., ConnectionRequest]


@pytest.fixture
def password(cluster_spec: ClusterSpec, data_paths: DataPaths) -> Make:
    return lambda **changed: by_password(cluster_spec, data_paths, **changed)


@pytest.fixture
def certificate(cluster_spec: ClusterSpec, data_paths: DataPaths) -> Make:
    return lambda **changed: by_certificate(cluster_spec, data_paths, **changed)


def other_authority() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody else")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=9))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM).decode()


def body(asked: ConnectionRequest, **more: object) -> dict[str, object]:
    """As the API takes it."""
    found = {name: getattr(asked, name) for name in asked.__dataclass_fields__}
    return {name: value for name, value in found.items() if value not in (None, "")} | more


# --- Registered and used ----------------------------------------------------------------------------------------------


def test_by_user_and_password_everything_of_kafkas_protocol_works(
    db: None, password: Make, prefix: str
) -> None:
    cluster = register(password())
    assert cluster.external
    assert re.fullmatch(r"[\w-]{20,24}", cluster.cluster_id)
    gateway = services.gateway_for(cluster)
    gateway.create_topic(prefix, 1, 3, {})
    services.refresh(cluster)
    assert TopicSnapshot.objects.filter(cluster=cluster, name=prefix).exists()
    gateway.produce(prefix, value=b"from outside")
    assert [record.value for record in gateway.oldest(prefix).records] == [b"from outside"]
    assert isinstance(gateway.describe_acls(), tuple)
    assert {each.user for each in gateway.describe_user_scram_credentials()} >= {"admin"}
    gateway.delete_topics([prefix])


def test_by_certificate(db: None, certificate: Make) -> None:
    cluster = register(certificate())
    assert len(services.gateway_for(cluster).describe_cluster().brokers) == 3


def test_secrets_are_sealed_in_the_row_and_nowhere_else(db: None, password: Make) -> None:
    asked = password()
    cluster = register(asked)
    row = connection_row(cluster)
    assert asked.password
    assert row.password.startswith("v1:") or asked.password not in row.password
    assert asked.password not in str(Operation.objects.filter(action="cluster.manage").values())
    opened = services.connection_for(cluster).security
    assert isinstance(opened, ScramTls)
    assert opened.password == asked.password
    ExternalConnection.objects.filter(pk=row.pk).update(key=row.password)
    with pytest.raises(SecretUnreadable):
        services.connection_for(Cluster.objects.get(pk=cluster.pk))


def test_a_cluster_is_registered_once(cluster: Cluster, password: Make) -> None:
    plan = registration.plan_register(ClusterRequest(NAME, "Again", connection=password()))
    assert [each.code for each in plan.refusals] == ["registered"]
    assert cluster.title in plan.refusals[0].what


@pytest.mark.parametrize(
    ("changed", "step", "words"),
    [
        ({"password": "wrong"}, "Log in", "Wrong user name or password"),
        ({"ca_pem": other_authority()}, "Encryption (TLS)", "not signed by a CA that this connection trusts"),
        ({"bootstrap": "127.0.0.1:1"}, "Connection (TCP)", "Nothing listens at that address"),
        ({"bootstrap": "no-such-host.invalid:9092"}, "Address", "The host name is unknown"),
        ({"allow_private": False}, "Address", "not a public address: loopback"),
        ({"security": "scram-sha-256", "username": "nobody"}, "Log in", "Wrong user name or password"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_at_its_step(
    cluster: Cluster, password: Make, changed: dict[str, object], step: str, words: str
) -> None:
    asked = password(**changed)
    report = registration.try_connection(asked)
    found = steps(asked, report)
    failed = [each for each in found if each.state == "failed"]
    assert not report.ok
    assert [each.name for each in failed] == [step], found
    assert words in failed[0].detail
    plan = registration.plan_register(ClusterRequest(NAME, "Outside", connection=asked))
    assert plan.refusals[0].code.startswith("connection_")
    assert ExternalConnection.objects.count() == 0


def test_a_connection_that_works_is_told_step_by_step(cluster: Cluster, password: Make) -> None:
    asked = password()
    found = {each.name: each for each in steps(asked, registration.try_connection(asked))}
    assert {each.state for each in found.values()} == {"done"}
    assert found["Log in"].detail == "As admin by SCRAM-SHA-512"
    assert "metadata.version" in found["Kafka's protocol"].detail
    assert "3 brokers" in found["Cluster"].detail
    assert "broker 3 at 127.0.0.1" in found["Every broker"].detail


def test_the_guard_holds_for_what_brokers_advertise(db: None, password: Make) -> None:
    """Registered when private addresses were allowed: once they are not, nothing goes there any more."""
    cluster = register(password())
    ExternalConnection.objects.filter(cluster=cluster).update(allow_private=False)
    with pytest.raises(TargetRefused, match="loopback"):
        services.gateway_for(cluster).describe_cluster()


# --- Changed ----------------------------------------------------------------------------------------------------------


def test_a_kept_password_does_not_follow_to_other_servers(api: ApiOf, db: None, password: Make) -> None:
    asked = password()
    register(asked)
    call, path = api(Role.ADMIN), f"clusters/{NAME}/"
    before = call("GET", path)
    elsewhere = call("PATCH", f"{path}?dry_run=true", {"bootstrap": "127.0.0.1:1"})
    assert elsewhere.status_code == 422
    assert "other servers" in elsewhere.json()["errors"]["password"][0]
    renamed = call("PATCH", path, {"title": "Renamed", "colour": "red"}, If_Match=before["ETag"])
    assert (renamed.status_code, renamed.json()["title"]) == (200, "Renamed")
    assert services.gateway_for(Cluster.objects.get(name=NAME)).describe_cluster().brokers
    stale = call("PATCH", path, {"title": "Lost"}, If_Match=before["ETag"])
    assert stale.status_code == 412
    first = asked.bootstrap.split(",")[0]
    moved = call("PATCH", path, {"bootstrap": first, "password": asked.password}, If_Match=renamed["ETag"])
    assert (moved.status_code, moved.json()["connection"]["bootstrap"]) == (200, first)
    assert moved["ETag"] != renamed["ETag"]


def test_the_api_registers_shows_and_removes(
    api: ApiOf, cluster: Cluster, users: object, password: Make
) -> None:
    call, asked = api(Role.ADMIN), password()
    Cluster.objects.all().delete()
    given = body(asked, name=NAME, title="Outside")
    planned = call("POST", "clusters/?dry_run=true", given)
    assert (planned.status_code, planned.json()["allowed"]) == (200, True)
    assert not Cluster.objects.exists()
    made = call("POST", "clusters/", given)
    assert made.status_code == 201, made.content
    found = made.json()["connection"]
    assert (found["security"], found["username"], found["has_password"]) == ("scram-sha-512", "admin", True)
    assert str(asked.password) not in made.content.decode() + planned.content.decode()
    assert call("POST", f"clusters/{NAME}/test/").json()["ok"] is True
    RoleGrant.objects.create(user=User.objects.get(username="vera"), cluster=NAME, role="admin")
    plan = call("DELETE", f"clusters/{NAME}/?dry_run=true")
    told = {each["object_type"]: each["name"] for each in plan.json()["affected"]}
    assert told["roles"] == "1 on this cluster alone"
    assert call("DELETE", f"clusters/{NAME}/").status_code == 428
    assert call("DELETE", f"clusters/{NAME}/", If_Match=plan["ETag"]).status_code == 204
    assert not Cluster.objects.exists()
    assert not RoleGrant.objects.filter(cluster=NAME).exists()


def test_a_test_by_the_api_saves_nothing(api: ApiOf, cluster: Cluster, password: Make) -> None:
    answer = api(Role.ADMIN)("POST", "connection-test/", body(password(password="wrong")))
    assert (answer.status_code, answer.json()["ok"], answer.json()["cause"]) == (
        200,
        False,
        "bad_credentials",
    )
    assert not ExternalConnection.objects.exists()


def test_a_bundled_cluster_can_be_renamed_and_not_removed(api: ApiOf, cluster: Cluster) -> None:
    call = api(Role.ADMIN)
    tag = call("GET", "clusters/main/")["ETag"]
    assert call("DELETE", "clusters/main/", If_Match=tag).status_code == 422
    assert call("PATCH", "clusters/main/", {"bootstrap": "x:1"}, If_Match=tag).status_code == 422
    assert call("PATCH", "clusters/main/", {"colour": "red"}, If_Match=tag).json()["colour"] == "red"


def test_only_an_admin_of_all_clusters_may(api: ApiOf, cluster: Cluster, password: Make) -> None:
    for role in (Role.VIEWER, Role.OPERATOR):
        call = api(role)
        assert call("POST", "clusters/", body(password(), name=NAME)).status_code == 403
        assert call("POST", "connection-test/", body(password())).status_code == 403
        assert call("PATCH", "clusters/main/", {"title": "x"}).status_code == 403


# --- In the browser ---------------------------------------------------------------------------------------------------


def fields(asked: ConnectionRequest, **more: str) -> dict[str, str]:
    found = {
        "name": NAME, "title": "Outside", "colour": "amber", "bootstrap": asked.bootstrap, "security": asked.security,
        "username": asked.username, "password": asked.password or "", "ca_pem": asked.ca_pem.replace("\n", "\r\n"),
        "check_hostname": "on", "allow_private": "on" if asked.allow_private else "",
    }  # fmt: skip
    return {name: value for name, value in {**found, **more}.items() if value}


def hidden(page: str) -> dict[str, str]:
    return {
        name: html.unescape(value)
        for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page)
    }


def test_form_test_review_apply(users: dict[Role, User], cluster: Cluster, password: Make) -> None:
    Cluster.objects.all().delete()
    client, asked = Client(), password()
    client.force_login(users[Role.ADMIN])
    assert client.get("/clusters/+add/").status_code == 200
    tested = client.post("/clusters/+add/", fields(asked, test="1"))
    text = tested.content.decode()
    assert "The connection works" in text
    assert str(asked.password) not in text
    sealed = hidden(text)["sealed"]
    typed = {name: value for name, value in fields(asked).items() if name != "password"}
    elsewhere = client.post(
        "/clusters/+add/", {**typed, "sealed": sealed, "bootstrap": "127.0.0.1:1", "test": "1"}
    )
    assert elsewhere.status_code == 422
    assert "Type it again" in elsewhere.content.decode()
    review = client.post("/clusters/+add/", {**typed, "sealed": sealed})
    assert review.status_code == 200
    assert str(asked.password) not in review.content.decode()
    done = client.post("/clusters/+add/", hidden(review.content.decode()))
    assert (done.status_code, done["Location"]) == (303, f"/clusters/{NAME}/"), done.content
    assert "Outside" in client.get("/clusters/").content.decode()
    assert "sealed" in client.get(f"/clusters/{NAME}/connection/").content.decode()
    tried = client.post(f"/clusters/{NAME}/connection/test/")
    assert "The connection works" in tried.content.decode()
    edit = client.get(f"/clusters/{NAME}/connection/edit/").content.decode()
    assert str(asked.password) not in edit


def test_a_wrong_password_comes_back_to_its_field(
    users: dict[Role, User], cluster: Cluster, password: Make
) -> None:
    client = Client()
    client.force_login(users[Role.ADMIN])
    answer = client.post("/clusters/+add/", fields(password(password="wrong")))
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == ["password"]


#: Every page that a cluster has, by what it says of an external one.
PAGES = (
    "", "connection/", "brokers/", "brokers/1/", "brokers/1/configs/", "brokers/1/log-dirs/", "brokers/1/metrics/", "topics/",
    "groups/", "users/", "users/+new/", "acls/", "acls/explain/", "acls/findings/", "acls/denials/", "acls/new/", "quotas/",
    "quotas/clients/", "service-accounts/", "certificates/expiry/", "metrics/", "metrics/explore/", "alerts/",
)  # fmt: skip
ONLY_BUNDLED = ("brokers/roll/", "brokers/add/", "brokers/1/restart/", "brokers/1/logs/", "brokers/1/remove/", "certificates/own/",
                "certificates/authorities/", "certificates/+issue/")  # fmt: skip


def test_every_page_works_or_says_in_a_sentence_why_not(
    users: dict[Role, User], db: None, password: Make
) -> None:
    client = Client()
    client.force_login(users[Role.ADMIN])
    services.refresh(register(password()))
    for path in PAGES:
        answer = client.get(f"/clusters/{NAME}/{path}")
        assert answer.status_code == 200, (path, answer.content.decode()[:3000])
    for path in ONLY_BUNDLED:
        answer = client.get(f"/clusters/{NAME}/{path}")
        assert answer.status_code == 422, path
        assert "are not run by Kastellan" in answer.content.decode(), path
    listed = client.get(f"/clusters/{NAME}/certificates/")
    assert listed["Location"] == f"/clusters/{NAME}/certificates/expiry/"
    home = client.get(f"/clusters/{NAME}/").content.decode()
    assert "Rolling restart" not in home


def test_explain_says_what_the_brokers_do_not_tell(api: ApiOf, db: None, password: Make) -> None:
    cluster = register(password())
    ruling = principals.ruling_of(cluster)
    found = api(Role.VIEWER)(
        "GET",
        f"clusters/{NAME}/acls/explain/?principal=User:x&operation=READ&resource_type=TOPIC&resource_name=t",
    ).json()
    assert found["allowed"] is False
    assert found["unknown"] == (ruling.unknown or None)
    assert ruling.super_users or "super.users" in ruling.unknown
    assert principals.is_reserved(cluster, "Admin")
    assert not principals.is_reserved(cluster, "orders")


def test_a_user_made_on_an_external_cluster_logs_in(
    api: ApiOf, db: None, password: Make, prefix: str
) -> None:
    register(password())
    call = api(Role.ADMIN)
    made = call("POST", f"clusters/{NAME}/users/", {"name": prefix, "mechanism": "SCRAM-SHA-512"})
    assert (made.status_code, made.json()["confirmed"]) == (201, True), made.content
    gone = call("DELETE", f"clusters/{NAME}/users/{prefix}/", If_Match="*")
    assert gone.status_code in (200, 204), gone.content


def test_protocol_metrics_and_the_probe(db: None, password: Make, tmp_path: Path, settings: Any) -> None:
    settings.METRICS_DATABASE = str(tmp_path / "metrics.sqlite3")
    cluster, now = register(password()), time.time_ns() // 1_000_000
    assert not probe.is_wanted(cluster)
    assert polling.targets(NAME) == ()
    assert protocol_poll.poll(cluster, now) is None
    names = store().metric_names(NAME)
    assert {"kafka_brokers", "kastellan_log_dir_online", "kastellan_quorum_leader"} <= set(names)
    assert not sight(NAME, now).cluster_silent
    ExternalConnection.objects.filter(cluster=cluster).update(probe=True)
    assert probe.is_wanted(cluster)
    # In the first moment not every broker knows the topic that the first round makes.
    eventually(lambda: probe.probe(cluster, now) is None)
    up = {
        each.labels["broker"]: each.values[-1]
        for each in store().select(NAME, "kastellan_probe_up", {}, 0, now)
    }
    assert set(up.values()) == {1.0}
