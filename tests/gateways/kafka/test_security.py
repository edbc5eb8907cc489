from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from controlplane.gateways.errors import InvalidRequest
from controlplane.gateways.kafka.security import (
    KafkaConnection,
    Plaintext,
    PlainTls,
    ScramMechanism,
    ScramTls,
    Security,
    Tls,
    kafka_python_settings,
    librdkafka_settings,
    split_address,
    ssl_context,
)

SECRET = "s3cr3t-w0rd"


def certificate_and_key(password: bytes = b"") -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        encryption = serialization.BestAvailableEncryption(password)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), pem.decode()


@pytest.mark.parametrize(
    ("security", "expected"),
    [
        (Plaintext(), {"security.protocol": "PLAINTEXT"}),
        (Tls(cafile="/ca"), {"security.protocol": "SSL", "ssl.ca.location": "/ca"}),
        (
            Tls(cafile="/ca", certfile="/c", keyfile="/k", key_password=SECRET, check_hostname=False),
            {
                "security.protocol": "SSL",
                "ssl.certificate.location": "/c",
                "ssl.key.location": "/k",
                "ssl.key.password": SECRET,
                "ssl.endpoint.identification.algorithm": "none",
                "enable.ssl.certificate.verification": True,
            },
        ),
        (
            Tls(ca_pem="CA", cert_pem="C", key_pem="K"),
            {"ssl.ca.pem": "CA", "ssl.certificate.pem": "C", "ssl.key.pem": "K"},
        ),
        (
            ScramTls("ann", SECRET),
            {"security.protocol": "SASL_SSL", "sasl.mechanisms": "SCRAM-SHA-512", "sasl.username": "ann"},
        ),
        (ScramTls("ann", SECRET, ScramMechanism.SCRAM_SHA_256), {"sasl.mechanisms": "SCRAM-SHA-256"}),
        (PlainTls("ann", SECRET), {"security.protocol": "SASL_SSL", "sasl.mechanisms": "PLAIN"}),
    ],
)
def test_librdkafka_is_told_exactly_this(security: Security, expected: dict[str, object]) -> None:
    settings = librdkafka_settings(KafkaConnection("b:9092", security))
    assert expected.items() <= settings.items()
    assert settings["bootstrap.servers"] == "b:9092"


def test_kafka_python_is_told_the_same() -> None:
    settings = kafka_python_settings(KafkaConnection("b:9092,[::1]:9093", ScramTls("ann", SECRET)))
    assert settings["bootstrap_servers"] == ["b:9092", "[::1]:9093"]
    assert settings["security_protocol"] == "SASL_SSL"
    assert settings["sasl_mechanism"] == "SCRAM-SHA-512"
    assert isinstance(settings["ssl_context"], ssl.SSLContext)


def test_plaintext_has_no_tls_settings() -> None:
    assert "ssl_context" not in kafka_python_settings(KafkaConnection("b:9092"))
    assert not any(
        name.startswith(("ssl", "sasl")) for name in librdkafka_settings(KafkaConnection("b:9092"))
    )


@pytest.mark.parametrize(
    "security", [ScramTls("ann", SECRET), PlainTls("ann", SECRET), Tls(key_password=SECRET)]
)
def test_secrets_are_in_no_representation(security: Security) -> None:
    assert SECRET not in repr(KafkaConnection("b:9092", security))


def test_tls_always_verifies_and_is_recent() -> None:
    context = ssl_context(Tls())
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_pem_texts_leave_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = certificate_and_key(SECRET.encode())
    seen: list[int] = []
    load = ssl.SSLContext.load_cert_chain

    def watched(self: ssl.SSLContext, certfile: str, keyfile: str, password: str) -> None:
        seen.extend(
            [stat.S_IMODE(Path(keyfile).stat().st_mode), stat.S_IMODE(Path(keyfile).parent.stat().st_mode)]
        )
        load(self, certfile, keyfile, password=password)

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", watched)
    ssl_context(Tls(ca_pem=certificate, cert_pem=certificate, key_pem=key, key_password=SECRET))
    assert seen == [0o600, 0o700]
    assert list(tmp_path.iterdir()) == []


def test_a_key_without_its_password_is_refused_and_nobody_is_asked_for_it() -> None:
    certificate, key = certificate_and_key(SECRET.encode())
    with pytest.raises(InvalidRequest, match="could not be read"):
        ssl_context(Tls(ca_pem=certificate, cert_pem=certificate, key_pem=key))


def test_a_missing_file_is_named() -> None:
    with pytest.raises(InvalidRequest, match="missing"):
        ssl_context(Tls(cafile="/no/such/ca.pem"))


def test_nonsense_instead_of_pem_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        ssl_context(Tls(ca_pem="nonsense"))


def test_half_an_identity_or_two_sources_are_refused() -> None:
    with pytest.raises(InvalidRequest):
        Tls(certfile="/c")
    with pytest.raises(InvalidRequest):
        Tls(key_pem="K")
    with pytest.raises(InvalidRequest):
        Tls(cafile="/ca", ca_pem="CA")


@pytest.mark.parametrize(
    "text",
    ["b", "b:", ":9092", "b:0", "b:65536", "b:x", "b:٣", "a b:1", "http://b:1", "u@b:1", "b:1 2", "b\n:1"],
)
def test_an_odd_bootstrap_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        split_address(text)


def test_bootstrap_addresses_are_taken_apart() -> None:
    assert KafkaConnection("a:1, b.c:2,[::1]:3").addresses == (("a", 1), ("b.c", 2), ("::1", 3))
