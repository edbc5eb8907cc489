"""Pure X.509: certificate authorities and leaves after one strict profile. Takes `now`; no file, no clock, no socket.

A hierarchy is a root (the only thing in truststores), an issuing authority below it with path length 0 and critical
name constraints (the JVM ignores constraints on a trust anchor and honours them on an intermediate), and its leaves.
A hierarchy of somebody else's (`external`) has a root without a key, and may have authorities in between.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from broker.errors import BundledError

ROOT_LIFE = timedelta(days=3652)
ISSUING_LIFE = timedelta(days=1826)
LEAF_LIFE = timedelta(days=90)
CRL_LIFE = timedelta(days=7)
BACKDATE = timedelta(minutes=1)

LOOPBACK = ("127.0.0.0/8", "::1/128")
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
_HOST_NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
)


PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


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
    key: PrivateKey

    @property
    def certificate_pem(self) -> str:
        return certificate_pem(self.certificate)

    @property
    def key_pem(self) -> str:
        return key_pem(self.key)

    @classmethod
    def from_pem(cls, certificate: str, key: str) -> Self:
        return cls(x509.load_pem_x509_certificate(certificate.encode()), load_key(key))


@dataclass(frozen=True)
class ForeignRoot:
    """A root whose key is somebody else's: it is trusted, and nothing can be issued under it here."""

    certificate: x509.Certificate

    @property
    def certificate_pem(self) -> str:
        return certificate_pem(self.certificate)


@dataclass(frozen=True)
class Hierarchy:
    """`between`: authorities from the issuing one up to the root, both excluded; empty in hierarchies of our own.
    `key_was_here`: ours, though its root's key is gone, since nothing is signed with it any more."""

    purpose: Purpose
    root: KeyPair | ForeignRoot
    issuing: KeyPair
    between: tuple[x509.Certificate, ...] = ()
    key_was_here: bool = False

    @property
    def external(self) -> bool:
        return not (self.root_key_here or self.key_was_here)

    @property
    def root_key_here(self) -> bool:
        return isinstance(self.root, KeyPair)

    @property
    def path(self) -> tuple[x509.Certificate, ...]:
        """What follows a leaf in what a TLS peer is sent: the authorities, never the root."""
        own = () if self.issuing.certificate == self.root.certificate else (self.issuing.certificate,)
        return (*own, *self.between)

    def chain_pem(self, leaf: x509.Certificate) -> str:
        return "".join(certificate_pem(each) for each in (leaf, *self.path))


def certificate_pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def key_pem(key: PrivateKey) -> str:
    """PKCS#8, which Kafka's PEM key stores and OpenSSL both read."""
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


def load_key(pem: str) -> PrivateKey:
    loaded = serialization.load_pem_private_key(pem.encode(), None)
    if not isinstance(loaded, PrivateKey):
        raise PkiError("the private key is neither an elliptic-curve nor an RSA key")
    return loaded


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
    subject = ca_name(name)
    builder = _builder(subject, subject, key.public_key(), now, now + ROOT_LIFE)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
    builder = builder.add_extension(ca_key_usage(), critical=True)
    return KeyPair(builder.sign(key, hashes.SHA256()), key)


def create_issuing(
    purpose: Purpose,
    root: KeyPair,
    hosts: Collection[str],
    now: datetime,
    key: PrivateKey | None = None,
) -> KeyPair:
    """Given its old key, it renews: leaves that the old certificate signed stay valid under the new one."""
    end = min(now + ISSUING_LIFE, root.certificate.not_valid_after_utc)
    if end <= now + LEAF_LIFE:
        raise PkiError("the root certificate ends too soon to issue under it; its key must be rotated")
    key = key or new_key()
    subject = ca_name(common_name_of(root.certificate).removesuffix("root") + "issuing")
    builder = _builder(subject, root.certificate.subject, key.public_key(), now, end)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(ca_key_usage(), critical=True)
    builder = builder.add_extension(_authority_key_id(root), critical=False)
    builder = builder.add_extension(x509.ExtendedKeyUsage(usages(purpose)), critical=False)
    builder = builder.add_extension(name_constraints(purpose, hosts), critical=True)
    return KeyPair(builder.sign(root.key, hashes.SHA256()), key)


def name_constraints(purpose: Purpose, hosts: Collection[str]) -> x509.NameConstraints:
    """Loopback, private ranges, and the given hosts.

    The names of clients are principals, not hosts: OpenSSL would hold one with a dot against permitted host names,
    so their authority constrains addresses only (and may certify clients only, by its extended key usage). That their
    alternative names are among the permitted ones is seen to when they are certified (`outside`).
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


def outside(names: Collection[str], hosts: Collection[str]) -> tuple[str, ...]:
    """Alternative names that are neither loopback nor private nor of these hosts: none that we certify (CA-1, CA-4)."""
    constraints = name_constraints(Purpose.BROKERS, hosts)
    return tuple(name for name in names if not _within(constraints, (name,)))


def permits(issuing: x509.Certificate, hosts: Collection[str]) -> bool:
    """Whether the issuing authority may certify all these hosts."""
    try:
        constraints = issuing.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return True  # an authority of somebody else's: it did not limit itself
    return _within(constraints, hosts)


def _within(constraints: x509.NameConstraints, hosts: Collection[str]) -> bool:
    permitted = constraints.permitted_subtrees or []
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
    key: PrivateKey | None = None,
    life: timedelta = LEAF_LIFE,
) -> KeyPair:
    """A leaf with a key of its own. Its subject is `CN=<common_name>`; brokers need hosts (SAN), clients may do without."""
    key = key or new_key()
    return KeyPair(certify(hierarchy, common_name, key.public_key(), hosts, now, life), key)


def certify(
    hierarchy: Hierarchy,
    common_name: str,
    public_key: PublicKey,
    hosts: Collection[str],
    now: datetime,
    life: timedelta = LEAF_LIFE,
) -> x509.Certificate:
    """A leaf for a key that its owner keeps. It never outlives the issuing authority."""
    if hierarchy.purpose is Purpose.BROKERS and not hosts:
        raise PkiError("a broker's certificate needs at least one host name or address")
    if not permits(hierarchy.issuing.certificate, hosts):
        raise PkiError(f"the authority may not certify {', '.join(sorted(hosts))}")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    end = min(now + life, hierarchy.issuing.certificate.not_valid_after_utc)
    builder = _builder(subject, hierarchy.issuing.certificate.subject, public_key, now, end)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(digital_signature=True), critical=True)
    builder = builder.add_extension(_authority_key_id(hierarchy.issuing), critical=False)
    builder = builder.add_extension(x509.ExtendedKeyUsage(usages(hierarchy.purpose)), critical=False)
    if hosts:
        names = [general_name(host) for host in dict.fromkeys(hosts)]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(hierarchy.issuing.key, hashes.SHA256())


@dataclass(frozen=True)
class Revocation:
    """`reason` is RFC 5280's (section 5.3.1); unspecified ones carry no reason, as it asks."""

    serial: int
    at: datetime
    reason: x509.ReasonFlags = x509.ReasonFlags.unspecified


def revocation_list(
    issuing: KeyPair, revoked: Iterable[Revocation], number: int, now: datetime, life: timedelta = CRL_LIFE
) -> x509.CertificateRevocationList:
    """A CRL of the issuing authority (RFC 5280 section 5). `number` must grow from one list to the next."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuing.certificate.subject)
    builder = builder.last_update((now - BACKDATE).replace(microsecond=0))
    builder = builder.next_update((now + life).replace(microsecond=0))
    builder = builder.add_extension(x509.CRLNumber(number), critical=False)
    builder = builder.add_extension(_authority_key_id(issuing), critical=False)
    for each in revoked:
        builder = builder.add_revoked_certificate(_revoked(each))
    return builder.sign(issuing.key, hashes.SHA256())


def _revoked(revocation: Revocation) -> x509.RevokedCertificate:
    builder = x509.RevokedCertificateBuilder().serial_number(revocation.serial)
    builder = builder.revocation_date(revocation.at.replace(microsecond=0))
    if revocation.reason is not x509.ReasonFlags.unspecified:
        builder = builder.add_extension(x509.CRLReason(revocation.reason), critical=False)
    return builder.build()


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
    subject: x509.Name, issuer: x509.Name, key: PublicKey, now: datetime, end: datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(new_serial())
    builder = builder.not_valid_before((now - BACKDATE).replace(microsecond=0))
    builder = builder.not_valid_after(end.replace(microsecond=0))
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def common_name_of(certificate: x509.Certificate) -> str:
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else certificate.subject.rfc4514_string()


def ca_name(name: str) -> x509.Name:
    organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Kastellan")
    return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _authority_key_id(issuer: KeyPair) -> x509.AuthorityKeyIdentifier:
    try:
        identifier = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def usages(purpose: Purpose) -> list[x509.ObjectIdentifier]:
    client = [ExtendedKeyUsageOID.CLIENT_AUTH]
    return client if purpose is Purpose.CLIENTS else [ExtendedKeyUsageOID.SERVER_AUTH, *client]


def ca_key_usage() -> x509.KeyUsage:
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
