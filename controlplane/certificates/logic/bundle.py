"""The one ZIP that a new certificate is handed over in: every format and a ready configuration for every common client.

Pure: salt, password and time come from the caller, and the archive is bytes that nobody keeps.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from controlplane.certificates.logic import keystores
from controlplane.certificates.logic.keystores import PrivateKey
from controlplane.clusters.logic.client_config import (
    CertificateLogin,
    Endpoint,
    client_files,
    properties_text,
)


@dataclass(frozen=True, slots=True)
class Material:
    """`key_pem` is empty where the owner kept the key; `password` then guards nothing and is empty too."""

    cluster: str
    common_name: str
    principal: str
    endpoint: Endpoint
    chain: tuple[x509.Certificate, ...]
    chain_pem: str
    roots: tuple[x509.Certificate, ...]
    key_pem: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    salt: bytes = field(default=b"", repr=False)


def bundle(material: Material, now: datetime) -> bytes:
    return zip_of(bundle_files(material, now), now, material.common_name)


def bundle_files(material: Material, now: datetime) -> dict[str, bytes]:
    login = CertificateLogin(material.chain_pem, material.key_pem)
    texts = {"README.txt": readme(material), **client_files(material.endpoint, login)}
    return {
        **{name: text.encode() for name, text in texts.items()},
        **truststores(material.roots, now),
        **_keystores(material, now),
    }


def truststores(roots: Sequence[x509.Certificate], now: datetime) -> dict[str, bytes]:
    return {
        "truststore.p12": keystores.pkcs12_truststore(roots),
        "truststore.jks": keystores.jks_truststore(roots, now=now),
    }


def _keystores(material: Material, now: datetime) -> dict[str, bytes]:
    if not material.key_pem:
        return {}
    key, name = _key(material.key_pem), material.common_name
    return {
        "keystore.p12": keystores.pkcs12_keystore(name, key, material.chain, material.password),
        "keystore.jks": keystores.jks_keystore(
            name, key, material.chain, material.password, salt=material.salt, now=now
        ),
        "client-pkcs12.properties": _java(material, "PKCS12", "p12").encode(),
        "client-jks.properties": _java(material, "JKS", "jks").encode(),
    }


def _key(pem: str) -> PrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), None)
    if not isinstance(key, PrivateKey):
        raise TypeError("neither an elliptic-curve nor an RSA key")
    return key


def _java(material: Material, kind: str, suffix: str) -> str:
    return properties_text(
        {
            "bootstrap.servers": material.endpoint.bootstrap,
            "security.protocol": "SSL",
            "ssl.keystore.type": kind,
            "ssl.keystore.location": f"keystore.{suffix}",
            "ssl.keystore.password": material.password,
            "ssl.key.password": material.password,
            "ssl.truststore.type": kind,
            "ssl.truststore.location": f"truststore.{suffix}",
            "ssl.truststore.password": keystores.TRUSTSTORE_PASSWORD,
        }
    )


def zip_of(files: Mapping[str, bytes], now: datetime, folder: str) -> bytes:
    """Names and modes only: unpacked by its owner, nobody else can read it. All of it lands in one folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(f"{folder}/{name}", now.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100600 << 16
            archive.writestr(entry, data)
    return buffer.getvalue()


_HEAD = """\
{name} on the Kafka cluster {cluster}
{line}

The brokers see this certificate as  {principal}
Valid until  {until} (UTC)
Brokers  {bootstrap}

What it may do is decided by ACLs for that principal; without any, it may do nothing.
The configuration files name the files beside them: start your program in this directory, or write full paths.

"""
_WITH_KEY = """\
kcat                  kcat -F kcat.conf -L
Java                  client.properties            everything inside, PEM; Kafka clients from 2.7 on
                      client-pkcs12.properties     with keystore.p12 and truststore.p12
                      client-jks.properties        with keystore.jks and truststore.jks, for old tools only
Python                confluent_kafka_client.py, kafka_python_client.py: programs to start from
Everything else       certificate.pem, key.pem, ca.pem

The password of keystore.p12 and keystore.jks is in the two properties files that use it.
The trust stores hold nothing secret; their password is {truststore}.

key.pem, keystore.*, client*.properties hold the private key. It is nowhere else: it was not stored where it was made.
Keep these files readable by their user alone. Lost? Renew the certificate. Seen by others? Revoke it and block the principal.
"""
_WITHOUT_KEY = """\
Put your private key here as key.pem, then:

kcat                  kcat -F kcat.conf -L
Java                  cat key.pem certificate.pem > keystore.pem, then client.properties (the key has to be PKCS#8)
PKCS#12               openssl pkcs12 -export -inkey key.pem -in certificate.pem -name client -out keystore.p12
Python                confluent_kafka_client.py, kafka_python_client.py: programs to start from
Trust stores          truststore.p12, truststore.jks; password {truststore}, nothing in them is secret
"""


def readme(material: Material) -> str:
    name = f"{material.common_name}"
    head = _HEAD.format(
        name=name,
        cluster=material.cluster,
        line="=" * (len(name) + len(material.cluster) + len(" on the Kafka cluster ")),
        principal=material.principal,
        until=material.chain[0].not_valid_after_utc.strftime("%Y-%m-%d %H:%M"),
        bootstrap=material.endpoint.bootstrap,
    )
    body = _WITH_KEY if material.key_pem else _WITHOUT_KEY
    return head + body.format(truststore=keystores.TRUSTSTORE_PASSWORD)
