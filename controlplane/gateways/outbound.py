"""The one way out for requests to addresses that somebody typed in: webhooks, Connect, schema registries.

1. The URL is plain http(s) without credentials, its host a name or a canonically written address.
2. The name is resolved once and every address is checked (`addresses`).
3. The socket is opened to one of those very addresses; TLS and Host still use the name.
4. Redirects are answers, not instructions. Time is limited as a whole, the body in bytes.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

import httpcore

from controlplane.gateways import addresses
from controlplane.gateways.addresses import NOTHING, Allowed
from controlplane.gateways.errors import (
    AuthenticationFailed,
    BadAnswer,
    DeadlineExceeded,
    InvalidRequest,
    TargetRefused,
    Unreachable,
)

Resolver = Callable[[str, int], tuple[str, ...]]
SocketOptions = Iterable[
    tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
]

TIMEOUT_S = 10.0
MAX_BYTES = 1_000_000
OWN_HEADERS = frozenset({"host", "content-length", "connection", "accept-encoding", "transfer-encoding"})


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


def system_resolver(host: str, port: int) -> tuple[str, ...]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise Unreachable(f"The host name {host!r} is unknown", "Check its spelling and the DNS") from error
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def trusting(ca_pem: str) -> ssl.SSLContext | None:
    """The TLS of one target that an authority of its own has signed; None: what this machine trusts."""
    try:
        return ssl.create_default_context(cadata=ca_pem) if ca_pem else None
    except ssl.SSLError as error:
        raise InvalidRequest("The CA certificate cannot be read", "PEM is wanted.") from error


@dataclass(frozen=True, slots=True)
class Outbound:
    allowed: Allowed = NOTHING
    resolver: Resolver = system_resolver
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        timeout_s: float = TIMEOUT_S,
        max_bytes: int = MAX_BYTES,
    ) -> Answer:
        """One request, one answer, whatever its status. Raises errors of `gateways.errors` only."""
        target = parse_url(url)
        expires = time.monotonic() + timeout_s
        host = addresses.normal_host(target.hostname or "")
        backend = _PinnedBackend(self, expires)
        pool = httpcore.ConnectionPool(
            # To load the authorities of the machine takes tens of milliseconds, and plain http has no use for them.
            ssl_context=(self.tls or ssl.create_default_context()) if target.scheme == "https" else None,
            network_backend=backend,
            max_connections=1,
            retries=0,
        )
        with _translated(host, timeout_s), pool:
            sent = [*_headers(target, host, headers or {}, content)]
            with pool.stream(method, _pinned_url(target, host), headers=sent, content=content) as response:
                return _read(response, max_bytes)

    def check(self, host: str, port: int) -> tuple[str, ...]:
        """The addresses that may be connected to, by number; raises `TargetRefused`."""
        name = addresses.normal_host(host)
        found = (name,) if addresses.literal(name) else self.resolver(name, port)
        if not found:
            raise Unreachable(f"The host name {name!r} has no address")
        return addresses.check(name, found, self.allowed)


def parse_url(url: str) -> SplitResult:
    """Strict: what two parsers could read differently is refused."""
    if any(c.isspace() or ord(c) < 33 or c in '\\"<>^`{|}' for c in url) or not url.isascii():
        raise TargetRefused("The URL has characters that do not belong there", "Percent-encode them")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise TargetRefused("The URL cannot be read") from error
    if parts.scheme not in ("http", "https"):
        raise TargetRefused(f"{parts.scheme or 'No scheme'} is not http or https")
    if "@" in parts.netloc:
        raise TargetRefused("The URL carries credentials", "Give them in a header")
    if not parts.hostname or port == 0 or "%" in parts.netloc:
        raise TargetRefused("The URL has no usable host or port")
    return parts


class _PinnedBackend(httpcore.NetworkBackend):
    """Resolves, checks and connects in one place, so that nothing can change in between."""

    def __init__(self, outbound: Outbound, expires: float) -> None:
        self._outbound = outbound
        self._expires = expires
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: SocketOptions | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = Unreachable(f"{host} has no address")
        for address in self._outbound.check(host, port):
            try:
                stream = self._sockets.connect_tcp(address, port, timeout=_left(self._expires))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
                continue
            return _DeadlineStream(stream, self._expires)
        raise failure

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: SocketOptions | None = None
    ) -> httpcore.NetworkStream:
        raise TargetRefused("Unix sockets are not reached this way")


class _DeadlineStream(httpcore.NetworkStream):
    """Each wait gets what is left of the whole, so that a drip of bytes cannot hold us."""

    def __init__(self, stream: httpcore.NetworkStream, expires: float) -> None:
        self._stream = stream
        self._expires = expires

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, timeout=_left(self._expires))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout=_left(self._expires))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, timeout=_left(self._expires))
        return _DeadlineStream(stream, self._expires)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


def _left(expires: float) -> float:
    left = expires - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("time is over")
    return left


def _pinned_url(target: SplitResult, host: str) -> httpcore.URL:
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    return httpcore.URL(scheme=target.scheme, host=host, port=target.port, target=path)


def _headers(
    target: SplitResult, host: str, given: Mapping[str, str], content: bytes
) -> Iterator[tuple[bytes, bytes]]:
    shown = f"[{host}]" if ":" in host else host
    yield b"Host", (f"{shown}:{target.port}" if target.port else shown).encode()
    yield b"Accept-Encoding", b"identity"
    yield b"Connection", b"close"
    if content:
        yield b"Content-Length", str(len(content)).encode()
    for name, value in given.items():
        if name.lower() in OWN_HEADERS or any(c in name + value for c in "\r\n\0"):
            raise InvalidRequest(f"The header {name!r} cannot be given")
        yield name.encode("ascii", "replace"), value.encode("latin-1", "replace")


def _read(response: httpcore.Response, max_bytes: int) -> Answer:
    body = bytearray()
    for chunk in response.iter_stream():
        body += chunk
        if len(body) > max_bytes:
            raise BadAnswer(f"The answer is larger than {max_bytes} bytes")
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
    return Answer(response.status, headers, bytes(body))


@contextmanager
def _translated(host: str, timeout_s: float) -> Generator[None, None, None]:
    try:
        yield
    except httpcore.TimeoutException as error:
        raise DeadlineExceeded(f"{host} did not answer within {timeout_s:g} s") from error
    except httpcore.ConnectError as error:
        if isinstance(error.__cause__ or error.__context__, ssl.SSLError):
            raise AuthenticationFailed(f"The certificate of {host} is not accepted: {error}") from error
        raise Unreachable(f"{host} could not be reached: {error}") from error
    except (httpcore.NetworkError, OSError) as error:
        raise Unreachable(f"The connection to {host} broke: {error}") from error
    except (httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
        raise BadAnswer(f"{host} did not answer as an HTTP server would: {error}") from error
