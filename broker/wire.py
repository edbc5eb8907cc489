"""The little of Kafka's protocol that the bundled cluster needs before any client library runs: two SCRAM requests.

Encoding and decoding are pure; `exchange` sends one request over mutual TLS. Flexible versions only (KIP-482).
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from broker.credentials import ControlCredentials
from broker.spec import Listener

DESCRIBE_SCRAM, ALTER_SCRAM = 50, 51
CLIENT_ID = b"kastellan"
MOST_BYTES = 1 << 20


class WireError(Exception):
    """The broker's answer was cut short, or was not what the protocol says."""


@dataclass(frozen=True, slots=True)
class Upsertion:
    user: str
    mechanism: int
    iterations: int
    salt: bytes
    salted_password: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """`mechanisms` is filled by the description only."""

    user: str
    error_code: int
    error_message: str | None
    mechanisms: tuple[int, ...] = ()


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def compact(data: bytes) -> bytes:
    return varint(len(data) + 1) + data


def header(key: int, correlation: int) -> bytes:
    return struct.pack(">hhih", key, 0, correlation, len(CLIENT_ID)) + CLIENT_ID + b"\0"


def alter_scram_request(upsertions: Sequence[Upsertion]) -> bytes:
    body = varint(1) + varint(len(upsertions) + 1)
    for item in upsertions:
        body += compact(item.user.encode()) + struct.pack(">bi", item.mechanism, item.iterations)
        body += compact(item.salt) + compact(item.salted_password) + b"\0"
    return body + b"\0"


def describe_scram_request(users: Sequence[str]) -> bytes:
    return varint(len(users) + 1) + b"".join(compact(user.encode()) + b"\0" for user in users) + b"\0"


class Reader:
    """Walks through an answer; a short one is a WireError."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        if len(piece) != size:
            raise WireError("the answer ends too early")
        self._at += size
        return piece

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big", signed=True)

    def varint(self) -> int:
        value = 0
        for shift in range(0, 35, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise WireError("a number in the answer is too long")

    def text(self) -> str | None:
        size = self.varint()
        return self.take(size - 1).decode() if size else None

    def count(self) -> int:
        return max(0, self.varint() - 1)

    def tags(self) -> None:
        for _ in range(self.varint()):
            self.varint()
            self.take(self.varint())


def alter_scram_response(reader: Reader) -> tuple[Outcome, ...]:
    reader.number(4)
    return tuple(_outcome(reader, described=False) for _ in range(reader.count()))


def describe_scram_response(reader: Reader) -> tuple[Outcome, ...]:
    reader.number(4)
    code, message = reader.number(2), reader.text()
    if code:
        return (Outcome("", code, message),)
    return tuple(_outcome(reader, described=True) for _ in range(reader.count()))


def _outcome(reader: Reader, *, described: bool) -> Outcome:
    user, code, message = reader.text() or "", reader.number(2), reader.text()
    mechanisms: list[int] = []
    for _ in range(reader.count() if described else 0):
        mechanisms.append(reader.number(1))
        reader.number(4)
        reader.tags()
    reader.tags()
    return Outcome(user, code, message, tuple(mechanisms))


def exchange(
    listener: Listener, credentials: ControlCredentials, key: int, body: bytes, timeout: float
) -> Reader:
    """One request on a connection of its own, as the control plane's principal."""
    context = ssl.create_default_context(cafile=str(credentials.cafile))
    context.load_cert_chain(credentials.certfile, credentials.keyfile)
    message = header(key, 1) + body
    with (
        socket.create_connection((listener.host, listener.port), timeout) as plain,
        context.wrap_socket(plain, server_hostname=listener.host) as tls,
    ):
        tls.sendall(struct.pack(">i", len(message)) + message)
        size = struct.unpack(">i", _receive(tls, 4))[0]
        if not 0 < size <= MOST_BYTES:
            raise WireError(f"an answer of {size} bytes")
        reader = Reader(_receive(tls, size))
    if reader.number(4) != 1:
        raise WireError("the answer belongs to another request")
    reader.tags()
    return reader


def _receive(tls: ssl.SSLSocket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = tls.recv(size - len(data))
        if not piece:
            raise WireError("the broker closed the connection")
        data += piece
    return data
