"""CA-2: a linter for RFC 5280 has nothing to say about roots, issuing authorities, leaves of each key, and revocation lists.

zlint (Go) was run over the same ones by hand on 2026-11-27, with the sources RFC 3279, 5280, 5480, 5891, 8813 and Community:
no error and no warning.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pkilint.bin import lint_crl, lint_pkix_cert, lint_pkix_signer_signee_cert_chain

from broker import pki
from broker.pki import Purpose, Revocation

#: Its commands leave the file that they read to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file <_io.BufferedReader:ResourceWarning")

NOW = datetime(2026, 11, 24, tzinfo=UTC)
HOSTS = ("localhost", "kafka.intern.example", "127.0.0.1", "::1", "10.0.0.7")
BROKERS = pki.create_hierarchy(Purpose.BROKERS, "test", HOSTS, NOW)
CLIENTS = pki.create_hierarchy(Purpose.CLIENTS, "test", HOSTS, NOW)
#: A name of one label is a host name (RFC 1034, section 3.5), and brokers are reached by such: the linter wants a dot.
ONE_LABEL = ("pkix.invalid_domain_name_syntax", '"localhost"')
KEYS: dict[str, Callable[[], Any]] = {
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "RSA 2048": lambda: rsa.generate_private_key(65537, 2048),
}


def findings(linter: Any, capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    linter.main(["lint", "-s", "NOTICE", "-f", "JSON", *arguments])
    results = json.loads(capsys.readouterr().out)["results"]
    return [
        f"{found['code']}: {found.get('message', '')}"
        for each in results
        for found in each["finding_descriptions"]
        if not (found["code"] == ONE_LABEL[0] and ONE_LABEL[1] in found.get("message", ""))
    ]


def saved(certificate: x509.Certificate, path: Path) -> str:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return str(path)


@pytest.mark.parametrize("hierarchy", [BROKERS, CLIENTS], ids=["brokers", "clients"])
def test_an_authority_is_clean(
    hierarchy: pki.Hierarchy, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    root, issuing = (
        saved(each.certificate, tmp_path / name)
        for each, name in ((hierarchy.root, "root.pem"), (hierarchy.issuing, "issuing.pem"))
    )
    assert findings(lint_pkix_cert, capsys, root) == []
    assert findings(lint_pkix_cert, capsys, issuing) == []
    assert findings(lint_pkix_signer_signee_cert_chain, capsys, root, issuing) == []


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize(
    ("hierarchy", "hosts"),
    [(BROKERS, HOSTS), (CLIENTS, ()), (CLIENTS, ("worker.example", "10.0.0.7"))],
    ids=["broker", "client", "client with names"],
)
def test_a_leaf_is_clean(
    hierarchy: pki.Hierarchy,
    hosts: tuple[str, ...],
    kind: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    made = pki.certify(hierarchy, "orders.svc", KEYS[kind]().public_key(), hosts, NOW, timedelta(days=90))
    leaf, issuing = (
        saved(made, tmp_path / "leaf.pem"),
        saved(hierarchy.issuing.certificate, tmp_path / "i.pem"),
    )
    assert findings(lint_pkix_cert, capsys, leaf) == []
    assert findings(lint_pkix_signer_signee_cert_chain, capsys, issuing, leaf) == []


def test_the_linter_would_say_what_is_wrong(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A leaf whose subject is empty and that has no alternative name."""
    key = ec.generate_private_key(ec.SECP256R1())
    bad = x509.CertificateBuilder(
        x509.Name([]), x509.Name([]), key.public_key(), 1, NOW, NOW + timedelta(days=1)
    ).sign(key, hashes.SHA256())
    assert findings(lint_pkix_cert, capsys, saved(bad, tmp_path / "bad.pem"))


def test_a_revocation_list_is_clean(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    gone = Revocation(4711, NOW, x509.ReasonFlags.key_compromise)
    (tmp_path / "list.crl").write_bytes(
        pki.revocation_list(CLIENTS.issuing, [gone], 7, NOW).public_bytes(serialization.Encoding.DER)
    )
    assert findings(lint_crl, capsys, "-t", "CRL", "-p", "PKIX", str(tmp_path / "list.crl")) == []
