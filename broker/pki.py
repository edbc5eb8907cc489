"""Pure X.509: certificate authorities and leaves after one strict profile. Takes `now`; no file, no clock, no socket.

A hierarchy is a root (the only thing in truststores), an issuing authority below it with path length 0 and critical
name constraints (the JVM ignores constraints on a trust anchor and honours them on an intermediate), and its leaves.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from broker.errors import BundledError

ROOT_LIFE = timedelta(days=3652)
ISSUING_LIFE = timedelta(days=1826)
LEAF_LIFE = timedelta(days=90)
BACKDATE = timedelta(minutes=1)

LOOPBACK = ("127.0.0.0/8", "::1/128")
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
_HOST_NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
)


class PkiError(BundledError):
    """A certificate that must not be issued, or an authority that can no longer issue."""


class Purpose(StrEnum):
    """Whom a hierarchy certifies; it decides extended key usage and constraints."""

    BROKERS = "brokers"
    CLIENTS = "clients"


@dataclass(frozen=True)
class KeyPair:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate_pem(self) -> str:
        return certificate_pem(self.certificate)

    @property
    def key_pem(self) -> str:
        """PKCS#8, which Kafka's PEM key stores and OpenSSL both read."""
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(encoding, form, serialization.NoEncryption()).decode()

    @classmethod
    def from_pem(cls, certificate: str, key: str) -> Self:
        loaded = serialization.load_pem_private_key(key.encode(), None)
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise PkiError("the private key is not an elliptic-curve key")
        return cls(x509.load_pem_x509_certificate(certificate.encode()), loaded)


@dataclass(frozen=True)
class Hierarchy:
    purpose: Purpose
    root: KeyPair
    issuing: KeyPair

    def chain_pem(self, leaf: x509.Certificate) -> str:
        """What a TLS peer is sent: the leaf and the issuing authority, never the root."""
        return certificate_pem(leaf) + self.issuing.certificate_pem


def certificate_pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def new_serial() -> int:
    """127 random bits: positive in DER within 16 octets."""
    return secrets.randbits(127) or new_serial()


def is_host_name(text: str) -> bool:
    return _HOST_NAME.fullmatch(text) is not None and not text.replace(".", "").isdigit()


def general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        if not is_host_name(text):
            raise PkiError(f"{text!r} is neither an address nor a host name") from None
        return x509.DNSName(text)


def create_hierarchy(purpose: Purpose, label: str, hosts: Collection[str], now: datetime) -> Hierarchy:
    root = _create_root(f"{label} {purpose} root", now)
    return Hierarchy(purpose, root, create_issuing(purpose, root, hosts, now))


def _create_root(name: str, now: datetime) -> KeyPair:
    key = new_key()
    subject = _ca_name(name)
    builder = _builder(subject, subject, key, now, now + ROOT_LIFE)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
    builder = builder.add_extension(_ca_key_usage(), critical=True)
    return KeyPair(builder.sign(key, hashes.SHA256()), key)


def create_issuing(
    purpose: Purpose,
    root: KeyPair,
    hosts: Collection[str],
    now: datetime,
    key: ec.EllipticCurvePrivateKey | None = None,
) -> KeyPair:
    """Given its old key, it renews: leaves that the old certificate signed stay valid under the new one."""
    end = min(now + ISSUING_LIFE, root.certificate.not_valid_after_utc)
    if end <= now + LEAF_LIFE:
        raise PkiError("the root certificate ends too soon to issue under it; its key must be rotated")
    key = key or new_key()
    root_name = root.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    subject = _ca_name(str(root_name).removesuffix("root") + "issuing")
    builder = _builder(subject, root.certificate.subject, key, now, end)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_ca_key_usage(), critical=True)
    builder = builder.add_extension(_authority_key_id(root), critical=False)
    builder = builder.add_extension(x509.ExtendedKeyUsage(_usages(purpose)), critical=False)
    builder = builder.add_extension(name_constraints(purpose, hosts), critical=True)
    return KeyPair(builder.sign(root.key, hashes.SHA256()), key)


def name_constraints(purpose: Purpose, hosts: Collection[str]) -> x509.NameConstraints:
    """Loopback, private ranges, and the given hosts.

    The names of clients are principals, not hosts: OpenSSL would hold one with a dot against permitted host names,
    so their authority constrains addresses only (and may certify clients only, by its extended key usage).
    """
    networks = [ipaddress.ip_network(network) for network in (*LOOPBACK, *PRIVATE)]
    names = [general_name(host) for host in sorted({"localhost", *hosts})]
    for name in names:
        if isinstance(name, x509.IPAddress) and not any(name.value in network for network in networks):
            networks.append(ipaddress.ip_network(str(name.value)))
    permitted: list[x509.GeneralName] = [x509.IPAddress(network) for network in networks]
    if purpose is Purpose.BROKERS:
        permitted += [name for name in names if isinstance(name, x509.DNSName)]
    return x509.NameConstraints(permitted_subtrees=permitted, excluded_subtrees=None)


def permits(issuing: x509.Certificate, hosts: Collection[str]) -> bool:
    """Whether the issuing authority may certify all these hosts."""
    permitted = (
        issuing.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    )
    networks = [name.value for name in permitted if isinstance(name, x509.IPAddress)]
    domains = {name.value for name in permitted if isinstance(name, x509.DNSName)}

    def fine(name: x509.GeneralName) -> bool:
        if isinstance(name, x509.IPAddress):
            return any(name.value in network for network in networks)  # type: ignore[operator]
        return not domains or any(
            name.value == domain or name.value.endswith(f".{domain}") for domain in domains
        )

    return all(fine(general_name(host)) for host in hosts)


def issue(
    hierarchy: Hierarchy,
    common_name: str,
    hosts: Collection[str],
    now: datetime,
    key: ec.EllipticCurvePrivateKey | None = None,
    life: timedelta = LEAF_LIFE,
) -> KeyPair:
    """A leaf whose subject is `CN=<common_name>`; brokers need hosts (SAN), clients may do without."""
    if hierarchy.purpose is Purpose.BROKERS and not hosts:
        raise PkiError("a broker's certificate needs at least one host name or address")
    if not permits(hierarchy.issuing.certificate, hosts):
        raise PkiError(f"the authority may not certify {', '.join(sorted(hosts))}")
    key = key or new_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    end = min(now + life, hierarchy.issuing.certificate.not_valid_after_utc)
    builder = _builder(subject, hierarchy.issuing.certificate.subject, key, now, end)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(digital_signature=True), critical=True)
    builder = builder.add_extension(_authority_key_id(hierarchy.issuing), critical=False)
    builder = builder.add_extension(x509.ExtendedKeyUsage(_usages(hierarchy.purpose)), critical=False)
    if hosts:
        names = [general_name(host) for host in dict.fromkeys(hosts)]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return KeyPair(builder.sign(hierarchy.issuing.key, hashes.SHA256()), key)


def renewal_due(certificate: x509.Certificate, now: datetime) -> bool:
    """From two thirds of its life on, and where the clock stands before its beginning."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return now < begin or now >= begin + (end - begin) * 2 / 3


def hosts_of(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in names)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, end: datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(new_serial())
    builder = builder.not_valid_before((now - BACKDATE).replace(microsecond=0))
    builder = builder.not_valid_after(end.replace(microsecond=0))
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _ca_name(name: str) -> x509.Name:
    organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Kastellan")
    return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _authority_key_id(issuer: KeyPair) -> x509.AuthorityKeyIdentifier:
    identifier = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _usages(purpose: Purpose) -> list[x509.ObjectIdentifier]:
    client = [ExtendedKeyUsageOID.CLIENT_AUTH]
    return client if purpose is Purpose.CLIENTS else [ExtendedKeyUsageOID.SERVER_AUTH, *client]


def _ca_key_usage() -> x509.KeyUsage:
    return _key_usage(key_cert_sign=True, crl_sign=True)


def _key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )
