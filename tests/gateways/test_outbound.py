"""The outbound client against real sockets: rebinding resolvers, redirects, drips, floods, names and certificates."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from controlplane.gateways.addresses import Allowed
from controlplane.gateways.errors import (
    BadAnswer,
    DeadlineExceeded,
    InvalidRequest,
    TargetRefused,
    Unreachable,
)
from controlplane.gateways.outbound import Outbound, parse_url
from tests.gateways.test_addresses import BYPASSES

LOOPBACK = Allowed.of(["127.0.0.1/32"])
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nhi"


class Canary:
    """A server on loopback that keeps every byte it is sent and answers as told."""

    def __init__(self, answer: Callable[[socket.socket], None]) -> None:
        self.requests: list[bytes] = []
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self.requests.append(_request(connection))
                try:
                    self._answer(connection)
                except OSError:
                    continue

    def close(self) -> None:
        self._listener.close()


def _request(connection: socket.socket) -> bytes:
    received = connection.recv(65536)
    while b"Content-Length: 4" in received and not received.endswith(b"body"):
        received += connection.recv(65536)
    return received


@pytest.fixture
def canary() -> Iterator[Callable[[Callable[[socket.socket], None] | bytes], Canary]]:
    made: list[Canary] = []

    def make(answer: Callable[[socket.socket], None] | bytes) -> Canary:
        server = Canary((lambda c: c.sendall(answer)) if isinstance(answer, bytes) else answer)
        made.append(server)
        return server

    yield make
    for server in made:
        server.close()


MakeCanary = Callable[[Callable[[socket.socket], None] | bytes], Canary]


def test_an_allowed_target_is_asked_by_its_name(canary: MakeCanary) -> None:
    server = canary(OK)
    outbound = Outbound(Allowed.of(["hooks.example"]), resolver=lambda host, port: ("127.0.0.1",))
    answer = outbound.request(
        "POST", f"http://hooks.example:{server.port}/a/b?c=d", headers={"X-Key": "1"}, content=b"body"
    )
    assert (answer.status, answer.body, answer.headers["x-a"], answer.ok) == (200, b"hi", "b", True)
    (request,) = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /a/b?c=d HTTP/1.1\r\n")
    assert f"Host: hooks.example:{server.port}".encode() in head
    assert b"X-Key: 1" in head
    assert body == b"body"


def test_no_bypass_hits_the_canary(canary: MakeCanary) -> None:
    server = canary(OK)
    outbound = Outbound(resolver=lambda host, port: ("127.0.0.1",))
    for host in BYPASSES:
        for scheme in ("http", "https"):
            with pytest.raises(TargetRefused):
                outbound.request("GET", f"{scheme}://{host}:{server.port}/", timeout_s=1)
    assert server.requests == []


def test_a_rebinding_resolver_gets_only_one_question_and_no_hit(canary: MakeCanary) -> None:
    """The first answer is public, every later one loopback. Only the checked answer may be connected to."""
    server = canary(OK)
    asked: list[str] = []

    def rebinding(host: str, port: int) -> tuple[str, ...]:
        asked.append(host)
        return ("192.0.2.1",) if len(asked) == 1 else ("127.0.0.1",)

    # A documentation address stands for the public one: allowed here, and nobody answers there.
    outbound = Outbound(Allowed.of(["192.0.2.0/24"]), resolver=rebinding)
    with pytest.raises(Unreachable):
        outbound.request("GET", f"http://rebind.example:{server.port}/", timeout_s=0.5)
    assert asked == ["rebind.example"]
    with pytest.raises(TargetRefused):
        outbound.request("GET", f"http://rebind.example:{server.port}/", timeout_s=0.5)
    assert server.requests == []


def test_the_address_that_was_checked_is_the_one_connected_to(canary: MakeCanary) -> None:
    server = canary(OK)
    answers = iter([("127.0.0.1",), ("127.0.0.2",)])
    outbound = Outbound(LOOPBACK, resolver=lambda host, port: next(answers))
    assert outbound.request("GET", f"http://one.example:{server.port}/").ok
    assert len(server.requests) == 1


def test_a_redirect_is_an_answer_and_is_not_followed(canary: MakeCanary) -> None:
    target = canary(OK)
    server = canary(
        f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{target.port}/\r\nContent-Length: 0\r\n\r\n".encode()
    )
    answer = Outbound(LOOPBACK).request("GET", f"http://127.0.0.1:{server.port}/")
    assert (answer.status, answer.ok) == (302, False)
    assert target.requests == []


def test_a_drip_of_bytes_is_cut_at_the_deadline(canary: MakeCanary) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while connection.send(b"a"):
            time.sleep(0.05)

    server = canary(drip)
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        Outbound(LOOPBACK).request("GET", f"http://127.0.0.1:{server.port}/", timeout_s=0.5)
    assert time.monotonic() - started < 1.5


def test_a_flood_of_bytes_is_cut_at_the_limit(canary: MakeCanary) -> None:
    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while connection.send(b"a" * 65536):
            pass

    server = canary(flood)
    with pytest.raises(BadAnswer, match="larger"):
        Outbound(LOOPBACK).request("GET", f"http://127.0.0.1:{server.port}/", max_bytes=100_000)


def test_what_is_not_http_is_a_bad_answer(canary: MakeCanary) -> None:
    server = canary(b"SSH-2.0-OpenSSH_9.6\r\n")
    with pytest.raises(BadAnswer):
        Outbound(LOOPBACK).request("GET", f"http://127.0.0.1:{server.port}/")


def test_nobody_there_is_unreachable() -> None:
    with pytest.raises(Unreachable):
        Outbound(LOOPBACK).request("GET", "http://127.0.0.1:1/")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/", "file:///etc/passwd", "gopher://example.org/", "unix:///run/x", "//example.org/",
        "http://user:secret@example.org/", "http://example.org@127.0.0.1/", "http://127.0.0.1#@example.org/ ",
        "http://exa mple.org/", "http://example.org\\@127.0.0.1/", "http://example.org:99999/", "http://example.org:0/",
        "http:///path", "http://", "http://exam%70le.org/", "http://[::1", "http://example.org/\r\nX: y", "",
        "javascript:alert(1)", "http://пример.example/",
    ],
)  # fmt: skip
def test_a_url_that_could_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(TargetRefused):
        parse_url(url)


@pytest.mark.parametrize(
    "headers", [{"Host": "other"}, {"content-length": "0"}, {"X": "a\r\nY: b"}, {"X\n": "a"}, {"X": "a\0"}]
)
def test_headers_cannot_smuggle(headers: dict[str, str], canary: MakeCanary) -> None:
    server = canary(OK)
    with pytest.raises(InvalidRequest):
        Outbound(LOOPBACK).request("GET", f"http://127.0.0.1:{server.port}/", headers=headers)
