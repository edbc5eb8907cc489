"""Java's key and trust stores as bytes: PKCS#12 by `cryptography`, JKS written here after the JDK's description.

JKS is written without `keytool` so that a private key is never in a file, not even a temporary one. The format's own
protection is weak (SHA-1 in a home-made stream): PKCS#12 is the better file wherever a client takes it, and the
manual says so. Salt and time come from the caller.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

#: The password that Java itself ships its trust store with: it guards nothing, for nothing in there is secret.
TRUSTSTORE_PASSWORD = "changeit"  # noqa: S105
SALT_BYTES = 20
_MAGIC, _VERSION, _PRIVATE_KEY, _TRUSTED = 0xFEEDFEED, 2, 1, 2
_WHITENER = b"Mighty Aphrodite"
#: SEQUENCE { OID 1.3.6.1.4.1.42.2.17.1.1 (Sun's key protector), NULL }
_ALGORITHM = bytes.fromhex("300e060a2b060104012a021101010500")

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def pkcs12_keystore(alias: str, key: PrivateKey, chain: Sequence[x509.Certificate], password: str) -> bytes:
    """PBES2 with AES-256, which Java reads from 8u301 on."""
    encryption = serialization.BestAvailableEncryption(password.encode())
    return pkcs12.serialize_key_and_certificates(alias.encode(), key, chain[0], chain[1:], encryption)


def pkcs12_truststore(roots: Sequence[x509.Certificate], password: str = TRUSTSTORE_PASSWORD) -> bytes:
    """With the attribute by which Java knows a trusted certificate; without it Java finds none."""
    entries = [
        pkcs12.PKCS12Certificate(root, f"ca-{number}".encode()) for number, root in enumerate(roots, 1)
    ]
    return pkcs12.serialize_java_truststore(entries, serialization.BestAvailableEncryption(password.encode()))


def jks_keystore(
    alias: str,
    key: PrivateKey,
    chain: Sequence[x509.Certificate],
    password: str,
    *,
    salt: bytes,
    now: datetime,
) -> bytes:
    pkcs8 = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    body = struct.pack(">I", _PRIVATE_KEY) + _utf(alias.lower()) + _time(now)
    body += _counted(_protected(pkcs8, password, salt)) + struct.pack(">I", len(chain))
    body += b"".join(_certificate(each) for each in chain)
    return _sealed([body], password)


def jks_truststore(
    roots: Sequence[x509.Certificate], password: str = TRUSTSTORE_PASSWORD, *, now: datetime
) -> bytes:
    entries = [
        struct.pack(">I", _TRUSTED) + _utf(f"ca-{number}") + _time(now) + _certificate(root)
        for number, root in enumerate(roots, 1)
    ]
    return _sealed(entries, password)


def _sealed(entries: Sequence[bytes], password: str) -> bytes:
    data = struct.pack(">III", _MAGIC, _VERSION, len(entries)) + b"".join(entries)
    return data + _sha1(_wide(password) + _WHITENER + data)


def _protected(plain: bytes, password: str, salt: bytes) -> bytes:
    """EncryptedPrivateKeyInfo: salt, the key under a stream of chained digests, and a digest of password and key."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"the salt has {SALT_BYTES} bytes")
    wide, block, stream = _wide(password), salt, b""
    while len(stream) < len(plain):
        block = _sha1(wide + block)
        stream += block
    hidden = bytes(a ^ b for a, b in zip(plain, stream, strict=False))
    return _der(0x30, _ALGORITHM + _der(0x04, salt + hidden + _sha1(wide + plain)))


def _certificate(certificate: x509.Certificate) -> bytes:
    return _utf("X.509") + _counted(certificate.public_bytes(serialization.Encoding.DER))


def _counted(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _utf(text: str) -> bytes:
    raw = text.encode("ascii")
    return struct.pack(">H", len(raw)) + raw


def _time(now: datetime) -> bytes:
    return struct.pack(">Q", int(now.timestamp() * 1000))


def _wide(password: str) -> bytes:
    return password.encode("utf-16-be")


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()  # the format's own, see above


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content
