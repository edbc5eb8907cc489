"""CA-3: every bad chain is refused by OpenSSL in strict mode and by a real broker's SSL listener (the JVM's own trust
manager), while the same chain without its fault is taken by both.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from broker import issuance
from broker.paths import DataPaths
from broker.pki import Hierarchy, KeyPair, Purpose
from broker.spec import ClusterSpec
from tests.certificates.bad_chains import CASES, Key, Make, Pki, Signer, below, leaf, root_itself

TIMEOUT = 6


@pytest.fixture(scope="module")
def pki(data_paths: DataPaths, cluster_spec: ClusterSpec) -> Pki:
    now = datetime.now(UTC)
    clients = issuance.authorities(data_paths, cluster_spec, Purpose.CLIENTS, now).current
    brokers = issuance.authorities(data_paths, cluster_spec, Purpose.BROKERS, now).current
    return Pki(_root(clients), _signer(clients.issuing), _root(brokers), _signer(brokers.issuing))


def _root(hierarchy: Hierarchy) -> Signer:
    assert isinstance(hierarchy.root, KeyPair)
    return _signer(hierarchy.root)


def _signer(pair: KeyPair) -> Signer:
    return Signer(pair.certificate.subject, pair.key, pair.certificate)


@pytest.fixture(scope="module")
def broker_ca(data_paths: DataPaths, cluster_spec: ClusterSpec) -> str:
    found = issuance.authorities(data_paths, cluster_spec, Purpose.BROKERS, datetime.now(UTC))
    return found.trusted_pem


def pem(certificates: Sequence[x509.Certificate]) -> str:
    return "".join(each.public_bytes(serialization.Encoding.PEM).decode() for each in certificates)


def openssl(pki: Pki, chain: Sequence[x509.Certificate], directory: Path) -> str:
    assert pki.root.certificate is not None
    (directory / "root.pem").write_text(pem([pki.root.certificate]))
    (directory / "leaf.pem").write_text(pem(chain[:1]))
    command = [
        "openssl",
        "verify",
        "-x509_strict",
        "-policy_check",
        "-purpose",
        "sslclient",
        "-CAfile",
        "root.pem",
    ]
    if chain[1:]:
        (directory / "chain.pem").write_text(pem(chain[1:]))
        command += ["-untrusted", "chain.pem"]
    done = subprocess.run([*command, "leaf.pem"], cwd=directory, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def handshake(
    spec: ClusterSpec, ca: str, chain: Sequence[x509.Certificate], key: Key, directory: Path
) -> None:
    """Asks the broker for its API versions with the chain as client certificate; raises when it is refused."""
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / "own.pem").write_bytes(private + pem(chain).encode())
    context = ssl.create_default_context(cadata=ca)
    context.load_cert_chain(directory / "own.pem")
    target = spec.nodes[0].listener("SSL")
    with (
        socket.create_connection((target.host, target.port), TIMEOUT) as plain,
        context.wrap_socket(plain, server_hostname=target.host) as tls,
    ):
        message = b"\x00\x12\x00\x00\x00\x00\x00\x01\xff\xff"
        tls.sendall(len(message).to_bytes(4, "big") + message)
        if not tls.recv(1):
            raise ConnectionResetError("closed without an answer")


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 40


GOOD: dict[str, Make] = {
    "a leaf of the issuing authority": leaf(),
    "a leaf of another one below the root": below(),
}


@pytest.mark.parametrize("case", GOOD)
def test_without_a_fault_a_chain_is_taken_by_openssl_and_by_the_broker(
    case: str, pki: Pki, cluster_spec: ClusterSpec, broker_ca: str, tmp_path: Path
) -> None:
    chain, key = GOOD[case](pki)
    said = openssl(pki, chain, tmp_path)
    assert "leaf.pem: OK" in said, said
    handshake(cluster_spec, broker_ca, chain, key, tmp_path)


@pytest.mark.parametrize("case", CASES)
def test_openssl_and_the_broker_refuse(
    case: str, pki: Pki, cluster_spec: ClusterSpec, broker_ca: str, tmp_path: Path
) -> None:
    chain, key = CASES[case](pki)
    said = openssl(pki, chain, tmp_path)
    assert "OK" not in said
    assert "error" in said, said
    with pytest.raises((ssl.SSLError, ConnectionError)):
        handshake(cluster_spec, broker_ca, chain, key, tmp_path)


def test_openssl_refuses_the_root_as_a_client(pki: Pki, tmp_path: Path) -> None:
    chain, _ = root_itself(pki)
    assert "OK" not in openssl(pki, chain, tmp_path)
