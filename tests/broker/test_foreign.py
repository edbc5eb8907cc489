"""A company's authority: taken when every client will take what it issues, else refused with the rule that it breaks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from broker import foreign, pki
from broker.pki import KeyPair, PkiError, Purpose

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOSTS = ("localhost", "127.0.0.1")
YEARS = timedelta(days=3650)
RSA = rsa.generate_private_key(65537, 2048)


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def made(
    subject: str,
    above: KeyPair | None = None,
    *,
    key: pki.PrivateKey | None = None,
    ca: bool = True,
    path_length: int | None = None,
    usage: bool | None = True,
    eku: list[x509.ObjectIdentifier] | None = None,
    begin: timedelta = timedelta(days=1),
    life: timedelta = YEARS,
    constraints: list[str] | None = None,
) -> KeyPair:
    """An authority as some company might have it; by default a good one."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    issuer = above.certificate.subject if above else name(subject)
    builder = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(issuer)
    builder = builder.public_key(key.public_key()).serial_number(pki.new_serial())
    builder = builder.not_valid_before(NOW - begin).not_valid_after(NOW - begin + life)
    builder = builder.add_extension(x509.BasicConstraints(ca, path_length if ca else None), critical=True)
    if usage is not None:
        bits = x509.KeyUsage(True, False, False, False, False, usage, usage, False, False)
        builder = builder.add_extension(bits, critical=True)
    if eku:
        builder = builder.add_extension(x509.ExtendedKeyUsage(eku), critical=False)
    if constraints:
        permitted = [x509.DNSName(each) for each in constraints]
        builder = builder.add_extension(x509.NameConstraints(permitted, None), critical=True)
    return KeyPair(builder.sign(above.key if above else key, hashes.SHA256()), key)


def given(issuing: KeyPair, *above: KeyPair, purpose: Purpose = Purpose.BROKERS) -> pki.Hierarchy:
    chain = "".join(each.certificate_pem for each in (issuing, *above))
    return foreign.hierarchy(purpose, chain, issuing.key, HOSTS, NOW)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (ec.generate_private_key(ec.SECP256R1()), None),
        (ec.generate_private_key(ec.SECP384R1()), None),
        (RSA, None),
        (ec.generate_private_key(ec.SECP521R1()), "not every client takes"),
        (rsa.generate_private_key(65537, 1024), "not every client takes"),
        (ed25519.Ed25519PrivateKey.generate(), "not every client takes"),
    ],
    ids=["p256", "p384", "rsa2048", "p521", "rsa1024", "ed25519"],
)
def test_keys_are_of_a_kind_that_every_client_takes(key: object, words: str | None) -> None:
    pem = key.private_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    if words is None:
        assert foreign.private_key(pem).public_key()
        return
    with pytest.raises(PkiError, match=words):
        foreign.private_key(pem)


def test_an_encrypted_key_needs_its_password_and_a_plain_one_none() -> None:
    encryption = serialization.BestAvailableEncryption(b"secret")
    form = serialization.PrivateFormat.PKCS8
    sealed = RSA.private_bytes(serialization.Encoding.PEM, form, encryption).decode()
    assert foreign.private_key(sealed, "secret").public_key() == RSA.public_key()
    with pytest.raises(PkiError, match="needs its password"):
        foreign.private_key(sealed)
    with pytest.raises(PkiError, match="cannot be read"):
        foreign.private_key(sealed, "wrong")
    with pytest.raises(PkiError, match="not encrypted"):
        foreign.private_key(pki.key_pem(RSA), "secret")


def test_certificates_come_in_any_order_and_the_path_is_found() -> None:
    root = made("root")
    middle = made("middle", root)
    issuing = made("issuing", middle, path_length=0)
    found = given(issuing, root, middle)
    assert found.root.certificate == root.certificate
    assert found.between == (middle.certificate,)
    assert found.path == (issuing.certificate, middle.certificate)
    assert found.external


def test_a_self_signed_authority_issues_under_itself() -> None:
    root = made("root", key=RSA)
    found = given(root)
    assert found.path == ()
    leaf = pki.issue(found, "broker-1", HOSTS, NOW)
    leaf.certificate.verify_directly_issued_by(root.certificate)


ROOT = made("root")
REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "not a CA": (lambda: given(made("x", ROOT, ca=False), ROOT), "not a certificate authority"),
    "may not sign": (lambda: given(made("x", ROOT, usage=False), ROOT), "may not sign certificates"),
    "expired": (
        lambda: given(made("x", ROOT, begin=timedelta(days=400), life=timedelta(days=399)), ROOT),
        "not valid now",
    ),
    "not yet valid": (lambda: given(made("x", ROOT, begin=-timedelta(days=1)), ROOT), "not valid now"),
    "ends too soon": (lambda: given(made("x", ROOT, life=timedelta(days=60)), ROOT), "ends too soon"),
    "wrong usage": (
        lambda: given(made("x", ROOT, eku=[ExtendedKeyUsageOID.CLIENT_AUTH]), ROOT),
        "extended key usage",
    ),
    "other names": (lambda: given(made("x", ROOT, constraints=["bank.example"]), ROOT), "name constraints"),
    "no root": (lambda: given(made("x", ROOT)), "is missing"),
    "other root": (lambda: given(made("x", ROOT), made("root")), "is missing"),
    "root without room": (
        lambda: given(made("x", made("tight", path_length=0))),
        "is missing",
    ),
    "expired root": (
        lambda: (lambda old: given(made("x", old), old))(
            made("old", begin=timedelta(days=900), life=timedelta(days=800))
        ),
        "not valid now",
    ),
    "path length": (
        lambda: (lambda top: (lambda mid: given(made("x", mid), mid, top))(made("m", top)))(
            made("top", path_length=0)
        ),
        "does not permit",
    ),
    "a leaf above": (
        lambda: (lambda leaf: given(made("x", leaf), leaf, ROOT))(made("leaf", ROOT, ca=False)),
        "not a certificate authority",
    ),
    "nonsense": (
        lambda: foreign.hierarchy(Purpose.BROKERS, "-----BEGIN", RSA, HOSTS, NOW),
        "cannot be read",
    ),
    "another key": (
        lambda: foreign.hierarchy(Purpose.BROKERS, ROOT.certificate_pem, RSA, HOSTS, NOW),
        "no certificate belongs",
    ),
    "too much": (
        lambda: foreign.hierarchy(Purpose.BROKERS, "x" * 70_000, RSA, HOSTS, NOW),
        "more than 64 kB",
    ),
}


@pytest.mark.parametrize(("attempt", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_some_client_would_refuse_is_refused_with_its_reason(
    attempt: Callable[[], object], words: str
) -> None:
    with pytest.raises(PkiError, match=words):
        attempt()


def test_a_client_authority_needs_no_server_usage() -> None:
    only = made("x", ROOT, eku=[ExtendedKeyUsageOID.CLIENT_AUTH])
    assert given(only, ROOT, purpose=Purpose.CLIENTS).external


def test_our_request_asks_for_an_issuing_authority() -> None:
    request = foreign.signing_request(Purpose.CLIENTS, "main clients issuing", RSA)
    assert request.is_signature_valid
    basic = request.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)
