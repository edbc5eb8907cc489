"""Which certificates an address presents: a TLS handshake that trusts nothing and sends nothing. Addresses are checked
as those of every outgoing request (`outbound`).

The chain is taken from the handshake itself: a peer that asks for a client certificate ends the handshake when we show
none, and has presented its own by then.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from cryptography import x509

from controlplane.gateways import addresses
from controlplane.gateways.errors import BadAnswer, DeadlineExceeded, GatewayError, Unreachable
from controlplane.gateways.outbound import Outbound

TIMEOUT_S = 5.0
_HANDSHAKE, _CERTIFICATE = 22, 11
_Callback = Callable[[Any, str, int, int, int, bytes], None]


@dataclass(frozen=True, slots=True)
class Presented:
    """`chain`: the peer's own certificate first. `protocol`: as OpenSSL calls it."""

    chain: tuple[x509.Certificate, ...]
    protocol: str


def probe(host: str, port: int, outbound: Outbound, timeout_s: float = TIMEOUT_S) -> Presented:
    """Raises errors of `gateways.errors` only; every address of the name is tried within the one deadline."""
    expires = time.monotonic() + timeout_s
    name = addresses.normal_host(host)
    failure: GatewayError = Unreachable(f"{name} has no address")
    for address in outbound.check(name, port):
        try:
            return _handshake(name, address, port, expires)
        except Unreachable as error:
            failure = error
    raise failure


def _handshake(name: str, address: str, port: int, expires: float) -> Presented:
    messages: list[bytes] = []
    context = _context(messages)
    where = f"{name}:{port}"
    try:
        with socket.create_connection((address, port), _left(expires, where)) as plain:
            plain.settimeout(_left(expires, where))
            with context.wrap_socket(plain, server_hostname=name, do_handshake_on_connect=False) as encrypted:
                failure = _shake(encrypted, expires, where)
                protocol = encrypted.version() or "TLS"
    except TimeoutError as error:
        raise DeadlineExceeded(f"{where} did not answer in time") from error
    except OSError as error:
        raise Unreachable(f"{where} could not be reached: {error.strerror or error}") from error
    chain = _parsed(messages)
    if chain:
        return Presented(chain, protocol)
    if failure is not None:
        raise BadAnswer(f"{where} does not speak TLS, or breaks it off: {_said(failure)}") from failure
    raise BadAnswer(f"{where} presented no certificate")


def _shake(encrypted: ssl.SSLSocket, expires: float, where: str) -> ssl.SSLError | ConnectionError | None:
    encrypted.settimeout(_left(expires, where))
    try:
        encrypted.do_handshake()
    except (ssl.SSLError, ConnectionError) as error:
        return error
    return None


def _context(messages: list[bytes]) -> ssl.SSLContext:
    """As permissive as the library is: what is asked is which certificate is there, not whether it is good."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with suppress(ssl.SSLError):
        context.set_ciphers("ALL:@SECLEVEL=0")

    def seen(_: Any, direction: str, __: int, kind: int, message: int, data: bytes) -> None:
        if direction == "read" and kind == _HANDSHAKE and message == _CERTIFICATE:
            messages.append(data)

    # The library's own tracing hook: no public way shows the chain of a handshake that the peer ends.
    cast("Any", context)._msg_callback = cast("_Callback", seen)
    return context


def _parsed(messages: list[bytes]) -> tuple[x509.Certificate, ...]:
    for message in messages:
        for split in (_split_tls13, _split_tls12):
            with suppress(ValueError):
                return tuple(x509.load_der_x509_certificate(der) for der in split(message[4:]))
    return ()


def _split_tls12(body: bytes) -> list[bytes]:
    """RFC 5246, 7.4.2: a vector of certificates, each with its length."""
    listed, rest = _vector(body, 3)
    if rest:
        raise ValueError("bytes after the list")
    return list(_entries(listed, extensions=False))


def _split_tls13(body: bytes) -> list[bytes]:
    """RFC 8446, 4.4.2: a context, then certificates with extensions each."""
    _, rest = _vector(body, 1)
    listed, rest = _vector(rest, 3)
    if rest:
        raise ValueError("bytes after the list")
    return list(_entries(listed, extensions=True))


def _entries(listed: bytes, *, extensions: bool) -> Iterator[bytes]:
    if not listed:
        raise ValueError("an empty list")
    while listed:
        der, listed = _vector(listed, 3)
        if extensions:
            _, listed = _vector(listed, 2)
        yield der


def _vector(data: bytes, width: int) -> tuple[bytes, bytes]:
    size = int.from_bytes(data[:width], "big")
    if len(data) < width + size:
        raise ValueError("cut off")
    return data[width : width + size], data[width + size :]


def _left(expires: float, where: str) -> float:
    left = expires - time.monotonic()
    if left <= 0:
        raise DeadlineExceeded(f"{where} did not answer in time")
    return left


def _said(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "no TLS").replace("_", " ").lower()
    return str(error) or type(error).__name__
