"""A company's own authority instead of ours: from uploaded PEM, or by a request of ours that was signed elsewhere.

Pure. Every refusal says which rule the upload breaks: an authority that some client refuses later is worse than none.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from broker import pki
from broker.authorities import signed_by
from broker.pki import ForeignRoot, Hierarchy, KeyPair, PkiError, PrivateKey, Purpose

MOST_BYTES = 64 * 1024
LONGEST_CHAIN = 6
Kind = TypeVar("Kind", bound=x509.ExtensionType)


def private_key(pem: str, password: str = "") -> PrivateKey:
    """P-256, P-384, or RSA of at least 2048 bits."""
    try:
        key = serialization.load_pem_private_key(_bounded(pem), password.encode() or None)
    except TypeError as error:
        needed = "needs its password" if not password else "is not encrypted, but a password was given"
        raise PkiError(f"the private key {needed}") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PkiError("the private key cannot be read", "Give PEM, and the right password.") from error
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in ("secp256r1", "secp384r1"):
        return key
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:
        return key
    raise PkiError(
        "the key is of a kind that not every client takes", "P-256, P-384, or RSA of 2048 bits and more."
    )


def hierarchy(
    purpose: Purpose, chain_pem: str, key: PrivateKey, hosts: Collection[str], now: datetime
) -> Hierarchy:
    """From the authority that has `key` up to its root; the certificates may come in any order."""
    try:
        return _hierarchy(purpose, x509.load_pem_x509_certificates(_bounded(chain_pem)), key, hosts, now)
    except (ValueError, UnsupportedAlgorithm) as error:  # also of odd keys, curves and names deep inside
        raise PkiError(
            "the certificates cannot be read", "Give PEM: the authority's, up to and with its root."
        ) from error


def _hierarchy(
    purpose: Purpose,
    certificates: list[x509.Certificate],
    key: PrivateKey,
    hosts: Collection[str],
    now: datetime,
) -> Hierarchy:
    issuing = next((each for each in certificates if each.public_key() == key.public_key()), None)
    if issuing is None:
        raise PkiError("no certificate belongs to the private key", "Add the authority's own certificate.")
    path = _path(issuing, certificates)
    _check_authority(issuing, purpose, hosts, now)
    for depth, above in enumerate(path):
        _check_above(above, depth, now)
    root = path[-1] if path else issuing
    return Hierarchy(purpose, ForeignRoot(root), KeyPair(issuing, key), tuple(path[:-1]))


def signing_request(purpose: Purpose, name: str, key: PrivateKey) -> x509.CertificateSigningRequest:
    """Asks for what our own issuing authorities are: CA, path length 0, signing certificates and revocation lists."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(pki.ca_name(name))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(pki.ca_key_usage(), critical=True)
    return builder.sign(key, hashes.SHA256())


def _bounded(pem: str) -> bytes:
    raw = pem.encode()
    if len(raw) > MOST_BYTES:
        raise PkiError(f"more than {MOST_BYTES // 1024} kB of PEM")
    return raw


def _path(issuing: x509.Certificate, certificates: list[x509.Certificate]) -> list[x509.Certificate]:
    """The authorities above the issuing one; empty where it signed itself."""
    path: list[x509.Certificate] = []
    here = issuing
    while here.subject != here.issuer:
        above = next((each for each in certificates if each != here and signed_by(here, each)), None)
        if above is None:
            raise PkiError(
                f"the authority above {here.subject.rfc4514_string()} is missing: {here.issuer.rfc4514_string()}",
                "Add every certificate up to the self-signed root.",
            )
        if len(path) >= LONGEST_CHAIN:
            raise PkiError("the chain of authorities is too long, or goes in circles")
        path.append(above)
        here = above
    if not signed_by(here, here):
        raise PkiError("the root's own signature is wrong")
    return path


def _check_authority(
    issuing: x509.Certificate, purpose: Purpose, hosts: Collection[str], now: datetime
) -> None:
    _check_ca(issuing)
    if not issuing.not_valid_before_utc <= now < issuing.not_valid_after_utc:
        raise PkiError("the authority's certificate is not valid now")
    if issuing.not_valid_after_utc - now <= pki.LEAF_LIFE:
        raise PkiError(
            "the authority's certificate ends too soon",
            f"It must outlive leaves of {pki.LEAF_LIFE.days} days.",
        )
    usages = _extension(issuing, x509.ExtendedKeyUsage)
    missing = [usage for usage in pki.usages(purpose) if usages is not None and usage not in usages]
    if missing:
        raise PkiError(
            f"the authority may not certify {purpose}: its extended key usage lacks {missing[0].dotted_string}"
        )
    if purpose is Purpose.BROKERS and not pki.permits(issuing, hosts):
        raise PkiError(f"the authority's name constraints do not permit all of {', '.join(sorted(hosts))}")


def _check_above(above: x509.Certificate, depth: int, now: datetime) -> None:
    """`depth`: how many authorities stand between it and a leaf, the issuing one not counted."""
    _check_ca(above)
    name = above.subject.rfc4514_string()
    if not above.not_valid_before_utc <= now < above.not_valid_after_utc:
        raise PkiError(f"the certificate of {name} is not valid now")
    constraints = _extension(above, x509.BasicConstraints)
    if (
        constraints is not None
        and constraints.path_length is not None
        and constraints.path_length < depth + 1
    ):
        raise PkiError(f"{name} does not permit {depth + 1} authorities below it")


def _check_ca(certificate: x509.Certificate) -> None:
    name = certificate.subject.rfc4514_string()
    constraints = _extension(certificate, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        raise PkiError(f"{name} is not a certificate authority (basic constraints CA is not set)")
    usage = _extension(certificate, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        raise PkiError(f"{name} may not sign certificates (key usage)")


def _extension(certificate: x509.Certificate, kind: type[Kind]) -> Kind | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
