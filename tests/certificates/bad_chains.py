"""Chains that nobody may accept (CA-3), after the catalogue of x509-limbo: each made with the cluster's real authority
keys, so that one thing alone is wrong with it. `CASES` maps a sentence to what makes the chain.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
DAY = timedelta(days=1)
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00")
ALL_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


@dataclass(frozen=True)
class Signer:
    """A name and a key that sign; `certificate` is what a chain shows of it, where it shows anything."""

    name: x509.Name
    key: Key
    certificate: x509.Certificate | None = None


@dataclass(frozen=True)
class Pki:
    """The real ones: clients' root and issuing authority, and those of the brokers."""

    root: Signer
    issuing: Signer
    broker_root: Signer
    broker_issuing: Signer


@dataclass(frozen=True)
class Spec:
    """A certificate, right in everything unless told otherwise."""

    name: str = "mallory"
    ca: bool | None = False
    path_length: int | None = None
    usage: tuple[str, ...] | None = ("digital_signature",)
    eku: tuple[x509.ObjectIdentifier, ...] | None = (Eku.CLIENT_AUTH,)
    eku_critical: bool = False
    begin: timedelta = -timedelta(minutes=1)
    end: timedelta = 90 * DAY
    san: tuple[x509.GeneralName, ...] = ()
    constraints: x509.NameConstraints | None = None
    more: tuple[tuple[x509.ExtensionType, bool], ...] = ()
    issuer: x509.Name | None = None


AUTHORITY = Spec(
    name="below",
    ca=True,
    path_length=0,
    usage=("key_cert_sign", "crl_sign"),
    eku=(Eku.CLIENT_AUTH,),
    end=300 * DAY,
)


def named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def certify(spec: Spec, key: Key, signer: Signer) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(named(spec.name))
    builder = builder.issuer_name(spec.issuer or signer.name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now + spec.begin).not_valid_after(now + spec.end)
    for extension, critical in _extensions(spec, key, signer):
        builder = builder.add_extension(extension, critical)
    return builder.sign(signer.key, hashes.SHA256())


def _extensions(spec: Spec, key: Key, signer: Signer) -> list[tuple[x509.ExtensionType, bool]]:
    found: list[tuple[x509.ExtensionType, bool]] = [
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()), False),
    ]
    if spec.ca is not None:
        found.append((x509.BasicConstraints(spec.ca, spec.path_length if spec.ca else None), True))
    if spec.usage is not None:
        flags: dict[str, Any] = {name: name in spec.usage for name in ALL_USAGES}
        found.append((x509.KeyUsage(**flags), True))
    if spec.eku is not None:
        found.append((x509.ExtendedKeyUsage(spec.eku), spec.eku_critical))
    if spec.san:
        found.append((x509.SubjectAlternativeName(spec.san), False))
    if spec.constraints is not None:
        found.append((spec.constraints, True))
    return [*found, *spec.more]


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


Chain = tuple[Sequence[x509.Certificate], Key]
Make = Callable[[Pki], Chain]


def leaf(**wrong: Any) -> Make:
    """A leaf of the real issuing authority with one thing wrong."""

    def make(pki: Pki) -> Chain:
        key = new_key()
        shown = pki.issuing.certificate
        assert shown is not None
        return [certify(replace(Spec(), **wrong), key, pki.issuing), shown], key

    return make


def below(leaf_: Spec | None = None, **wrong: Any) -> Make:
    """A good leaf under an authority that the real root signed, with one thing wrong in that authority."""

    def make(pki: Pki) -> Chain:
        middle, key = new_key(), new_key()
        certificate = certify(replace(AUTHORITY, **wrong), middle, pki.root)
        return [certify(leaf_ or Spec(), key, Signer(certificate.subject, middle)), certificate], key

    return make


def _self_signed(pki: Pki) -> Chain:
    key = new_key()
    return [certify(Spec(), key, Signer(named("mallory"), key))], key


def _alone(pki: Pki) -> Chain:
    key = new_key()
    return [certify(Spec(), key, pki.issuing)], key


def _other_key(pki: Pki) -> Chain:
    """The right names, signed by a key that is not the authority's."""
    chain, key = leaf()(pki)
    forged = certify(Spec(), key, Signer(pki.issuing.name, new_key()))
    return [forged, chain[1]], key


def _same_names(pki: Pki) -> Chain:
    """A whole hierarchy that looks like the real one by its names."""
    root, issuing, key = new_key(), new_key(), new_key()
    root_name, issuing_name = pki.root.name, pki.issuing.name
    middle = certify(AUTHORITY, issuing, Signer(root_name, root))
    top = certify(replace(AUTHORITY, path_length=1), root, Signer(root_name, root))
    return [certify(Spec(issuer=issuing_name), key, Signer(middle.subject, issuing)), middle, top], key


def _own_root(pki: Pki) -> Chain:
    root, key = new_key(), new_key()
    top = certify(AUTHORITY, root, Signer(named("below"), root))
    return [certify(Spec(), key, Signer(named("below"), root)), top], key


def _by_brokers(pki: Pki) -> Chain:
    key = new_key()
    assert pki.broker_issuing.certificate is not None
    return [certify(Spec(), key, pki.broker_issuing), pki.broker_issuing.certificate], key


def _below_brokers_root(pki: Pki) -> Chain:
    middle, key = new_key(), new_key()
    certificate = certify(AUTHORITY, middle, pki.broker_root)
    return [certify(Spec(), key, Signer(certificate.subject, middle)), certificate], key


def _by_a_leaf(pki: Pki) -> Chain:
    """Whoever has a client certificate is no authority."""
    (owner, issuing), owned = leaf()(pki)
    key = new_key()
    return [certify(Spec(name="admin"), key, Signer(owner.subject, owned)), owner, issuing], key


def _by_a_leaf_that_may_sign(pki: Pki) -> Chain:
    (owner, issuing), owned = leaf(usage=("digital_signature", "key_cert_sign"))(pki)
    key = new_key()
    return [certify(Spec(name="admin"), key, Signer(owner.subject, owned)), owner, issuing], key


def _below_the_issuing(pki: Pki) -> Chain:
    middle, key = new_key(), new_key()
    certificate = certify(AUTHORITY, middle, pki.issuing)
    assert pki.issuing.certificate is not None
    bottom = certify(Spec(), key, Signer(certificate.subject, middle))
    return [bottom, certificate, pki.issuing.certificate], key


def _two_below_zero(pki: Pki) -> Chain:
    first, second, key = new_key(), new_key(), new_key()
    upper = certify(replace(AUTHORITY, name="upper"), first, pki.root)
    lower = certify(AUTHORITY, second, Signer(upper.subject, first))
    return [certify(Spec(), key, Signer(lower.subject, second)), lower, upper], key


def _missing_link(pki: Pki) -> Chain:
    first, second, key = new_key(), new_key(), new_key()
    upper = certify(replace(AUTHORITY, name="upper", path_length=1), first, pki.root)
    lower = certify(AUTHORITY, second, Signer(upper.subject, first))
    return [certify(Spec(), key, Signer(lower.subject, second)), lower], key


def _issuing_itself(pki: Pki) -> Chain:
    assert pki.issuing.certificate is not None
    return [pki.issuing.certificate], pki.issuing.key


def root_itself(pki: Pki) -> Chain:
    """Not among the cases: the JVM takes a trust anchor as it is. Its key is the authority's, which could issue anyway."""
    assert pki.root.certificate is not None
    return [pki.root.certificate], pki.root.key


def _changed(old: bytes, new: bytes, **wrong: Any) -> Make:
    """Bytes of a signed leaf replaced by others of the same length."""

    def make(pki: Pki) -> Chain:
        chain, key = leaf(**wrong)(pki)
        der = chain[0].public_bytes(serialization.Encoding.DER)
        assert len(old) == len(new)
        assert old in der
        return [x509.load_der_x509_certificate(der.replace(old, new, 1)), chain[1]], key

    return make


def _swapped_key(pki: Pki) -> Chain:
    """Somebody's certificate with one's own public key written over theirs."""
    chain, key = leaf()(pki)
    mine = new_key()
    spki = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    der = chain[0].public_bytes(serialization.Encoding.DER)
    changed = der.replace(key.public_key().public_bytes(*spki), mine.public_key().public_bytes(*spki))
    return [x509.load_der_x509_certificate(changed), chain[1]], mine


def _signature_flipped(pki: Pki) -> Chain:
    chain, key = leaf()(pki)
    der = bytearray(chain[0].public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    return [x509.load_der_x509_certificate(bytes(der)), chain[1]], key


def _authority_changed(pki: Pki) -> Chain:
    """The real issuing certificate with a longer path written into it."""
    middle, key, chain_key = new_key(), new_key(), pki.issuing.key
    assert pki.issuing.certificate is not None
    der = pki.issuing.certificate.public_bytes(serialization.Encoding.DER)
    old, new = bytes.fromhex("30060101ff020100"), bytes.fromhex("30060101ff020103")
    assert old in der
    longer = x509.load_der_x509_certificate(der.replace(old, new, 1))
    certificate = certify(AUTHORITY, middle, Signer(pki.issuing.name, chain_key))
    return [certify(Spec(), key, Signer(certificate.subject, middle)), certificate, longer], key


def _rsa_under_ec(pki: Pki) -> Chain:
    """The right issuer's name, signed by a key of another kind."""
    forger = rsa.generate_private_key(65537, 2048)
    key = new_key()
    assert pki.issuing.certificate is not None
    return [certify(Spec(), key, Signer(pki.issuing.name, forger)), pki.issuing.certificate], key


def ip(text: str) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_address(text))


def net(text: str) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_network(text))


def permitted(*names: x509.GeneralName) -> x509.NameConstraints:
    return x509.NameConstraints(permitted_subtrees=names, excluded_subtrees=None)


def excluded(*names: x509.GeneralName) -> x509.NameConstraints:
    return x509.NameConstraints(permitted_subtrees=None, excluded_subtrees=names)


DNS, MAIL, URI = x509.DNSName, x509.RFC822Name, x509.UniformResourceIdentifier
ORGANISATION = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Somebody else")])
EXPLICIT_POLICY = x509.PolicyConstraints(require_explicit_policy=0, inhibit_policy_mapping=None)

CASES: dict[str, Make] = {
    "expired yesterday": leaf(begin=-10 * DAY, end=-DAY),
    "expired a minute ago": leaf(begin=-10 * DAY, end=-timedelta(minutes=1)),
    "valid from tomorrow": leaf(begin=DAY),
    "valid in an hour": leaf(begin=timedelta(hours=1)),
    "for servers only": leaf(eku=(Eku.SERVER_AUTH,)),
    "for code signing only": leaf(eku=(Eku.CODE_SIGNING,)),
    "for e-mail only": leaf(eku=(Eku.EMAIL_PROTECTION,)),
    "for time stamps only": leaf(eku=(Eku.TIME_STAMPING,)),
    "for OCSP only": leaf(eku=(Eku.OCSP_SIGNING,)),
    "for an unknown use only": leaf(eku=(x509.ObjectIdentifier("1.3.6.1.4.1.55555.2"),)),
    "for an unknown use only, critically": leaf(
        eku=(x509.ObjectIdentifier("1.3.6.1.4.1.55555.2"),), eku_critical=True
    ),
    "for servers and code signing": leaf(eku=(Eku.SERVER_AUTH, Eku.CODE_SIGNING)),
    "key usage: encipherment of keys": leaf(usage=("key_encipherment",)),
    "key usage: encipherment of data": leaf(usage=("data_encipherment",)),
    "key usage: signing certificates": leaf(usage=("key_cert_sign",)),
    "key usage: signing lists": leaf(usage=("crl_sign",)),
    "key usage: content commitment": leaf(usage=("content_commitment",)),
    "an unknown critical extension": leaf(more=((UNKNOWN, True),)),
    "a public address outside the constraints": leaf(san=(ip("8.8.8.8"),)),
    "a public IPv6 address outside the constraints": leaf(san=(ip("2001:4860:4860::8888"),)),
    "one good address and one outside": leaf(san=(ip("127.0.0.1"), ip("8.8.4.4"))),
    "an issuer that is called otherwise": leaf(issuer=named("somebody")),
    "self-signed": _self_signed,
    "without its authority": _alone,
    "signed by another key": _other_key,
    "signed by a key of another kind": _rsa_under_ec,
    "an authority of its own": _own_root,
    "a hierarchy with the same names": _same_names,
    "the brokers' authority": _by_brokers,
    "an authority below the brokers' root": _below_brokers_root,
    "signed by a client": _by_a_leaf,
    "signed by a client whose key usage says that it may": _by_a_leaf_that_may_sign,
    "an authority below the issuing one": _below_the_issuing,
    "two authorities where one may be": _two_below_zero,
    "an authority missing in between": _missing_link,
    "the issuing authority itself": _issuing_itself,
    "the signature changed": _signature_flipped,
    "the subject changed": _changed(b"mallory", b"alice-1"),
    "an alternative name changed": _changed(b"one.example", b"two.example", san=(DNS("one.example"),)),
    "the key changed": _swapped_key,
    "the authority's path length changed": _authority_changed,
    "an authority that is none": below(ca=False),
    "an authority without basic constraints": below(ca=None),
    "an authority that may not sign certificates": below(usage=("crl_sign",)),
    "an authority that may only sign data": below(usage=("digital_signature",)),
    "an authority that has expired": below(begin=-10 * DAY, end=-DAY),
    "an authority from tomorrow": below(begin=DAY),
    "an authority with an unknown critical extension": below(more=((UNKNOWN, True),)),
    "a host outside the authority's domain": below(
        Spec(san=(DNS("b.example"),)), constraints=permitted(DNS("a.example"))
    ),
    "a host that looks like the authority's domain": below(
        Spec(san=(DNS("evila.example"),)), constraints=permitted(DNS("a.example"))
    ),
    "a host in an excluded domain": below(
        Spec(san=(DNS("x.a.example"),)), constraints=excluded(DNS("a.example"))
    ),
    "an address in an excluded network": below(
        Spec(san=(ip("10.1.2.3"),)), constraints=excluded(net("10.0.0.0/8"))
    ),
    "an address outside the permitted network": below(
        Spec(san=(ip("10.1.2.3"),)), constraints=permitted(net("192.168.0.0/16"))
    ),
    "a mail address outside the permitted domain": below(
        Spec(san=(MAIL("x@b.example"),)), constraints=permitted(MAIL("a.example"))
    ),
    "an address outside the permitted addresses of the web": below(
        Spec(san=(URI("https://b.example/"),)), constraints=permitted(URI("a.example"))
    ),
    "a subject outside the permitted directory": below(
        constraints=permitted(x509.DirectoryName(ORGANISATION))
    ),
    "a policy that is required and missing": below(more=((EXPLICIT_POLICY, True),)),
}
