"""Certificate signing requests (CA-4): somebody else's bytes become a public key and host names, or a reason why not.

Proof of possession is checked. The subject is ignored, since the name is authorised by whoever issues; so is every
extension but the alternative names, which may be plain host names and addresses only.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TypeAlias

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from controlplane.core.plans import Refusal

PublicKey: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
MAX_BYTES = 16 * 1024
MAX_HOSTS = 20
RSA_BITS = (2048, 8192)
CURVES = {"secp256r1": "P-256", "secp384r1": "P-384"}
HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_BLOCK = re.compile(
    r"-----BEGIN (NEW )?CERTIFICATE REQUEST-----\s+[A-Za-z0-9+/=\s]+-----END (NEW )?CERTIFICATE REQUEST-----"
)
#: What the parser raises for bytes that are not what they claim to be.
FAULTS = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


@dataclass(frozen=True, slots=True)
class SigningRequest:
    public_key: PublicKey
    hosts: tuple[str, ...] = ()


def read_request(text: str) -> SigningRequest | Refusal:
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        return _refused(f"The request is larger than {MAX_BYTES // 1024} kB")
    if "PRIVATE KEY" in text:
        return _refused(
            "This is a private key, or has one beside the request",
            "Keep it to yourself: send the request alone. Whoever has seen this key may now act as its owner.",
        )
    if len(_BLOCK.findall(text)) != 1 or text.count("-----BEGIN ") != 1:
        return _refused("There is not exactly one PEM block “CERTIFICATE REQUEST”")
    try:
        request = x509.load_pem_x509_csr(_BLOCK.search(text)[0].encode())  # type: ignore[index]
        return _checked(request)
    except FAULTS:
        return _refused("The request cannot be read")


def _checked(request: x509.CertificateSigningRequest) -> SigningRequest | Refusal:
    key = request.public_key()
    problem = _key_problem(key)
    if problem or not isinstance(key, PublicKey):
        return _refused(problem or "The key is of a kind that Kafka's clients do not use")
    if not isinstance(request.signature_hash_algorithm, HASHES):
        return _refused("The request is not signed with SHA-256, SHA-384 or SHA-512")
    if not request.is_signature_valid:
        return _refused(
            "The signature does not fit the key",
            "It proves that the sender has the private key. Make the request again.",
        )
    hosts = _hosts(request)
    return hosts if isinstance(hosts, Refusal) else SigningRequest(key, hosts)


def _key_problem(key: object) -> str:
    if isinstance(key, rsa.RSAPublicKey):
        low, high = RSA_BITS
        if not low <= key.key_size <= high:
            return f"An RSA key of {key.key_size} bits; between {low} and {high}"
        return "" if key.public_numbers().e >= 65537 else "The RSA key's exponent is smaller than 65537"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "" if key.curve.name in CURVES else f"The curve {key.curve.name}; P-256 or P-384"
    return "The key is neither RSA nor on P-256 or P-384"


def _hosts(request: x509.CertificateSigningRequest) -> tuple[str, ...] | Refusal:
    try:
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    if len(names) > MAX_HOSTS:
        return _refused(f"{len(names)} alternative names; at most {MAX_HOSTS}")
    found = []
    for name in names:
        host = _host(name)
        if isinstance(host, Refusal):
            return host
        found.append(host)
    return tuple(dict.fromkeys(found))


def _host(name: x509.GeneralName) -> str | Refusal:
    if isinstance(name, x509.IPAddress) and isinstance(
        name.value, (ipaddress.IPv4Address, ipaddress.IPv6Address)
    ):
        return str(name.value)
    if not isinstance(name, x509.DNSName):
        return _refused(
            "An alternative name is neither a host name nor an address",
            "Leave it out: the principal is the certificate's name, not an alternative one.",
        )
    host = name.value.lower()
    if "*" in host:
        return _refused(f"{name.value} is a wildcard", "Name each host.")
    if not _HOST.fullmatch(host) or host.replace(".", "").isdigit():
        return _refused(f"{name.value[:80]!r} is not a host name")
    return host


def describe_key(key: PublicKey) -> str:
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA, {key.key_size} bits"
    return f"elliptic curve {CURVES.get(key.curve.name, key.curve.name)}"


def _refused(what: str, hint: str = "") -> Refusal:
    return Refusal("csr", what, hint or "For example: openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -subj /CN=x -out request.pem")  # fmt: skip
