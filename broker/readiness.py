"""Asks a starting process whether it is ready: by TCP, unix socket or HTTP, in threads, so the loop never waits.

`LogReady` needs no question: the supervisor reads the log anyway.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from urllib.parse import urlsplit

from broker.processes import HttpReady, LogReady, Ready, TcpReady, UnixReady

_TIMEOUT = 2.0


def probe(ready: Ready) -> bool:
    try:
        match ready:
            case TcpReady(host, port):
                return _connects(socket.AF_INET, (host, port))
            case UnixReady(path):
                return _connects(socket.AF_UNIX, path)
            case HttpReady(url, expect_status):
                return _http_status(url) == expect_status
            case LogReady():
                return False
    except (OSError, http.client.HTTPException):
        return False


def _connects(family: socket.AddressFamily, address: tuple[str, int] | str) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(_TIMEOUT)
        connection.connect(address)
    return True


def _http_status(url: str) -> int:
    parts = urlsplit(url)
    connection = _connection(parts.scheme, parts.hostname or "127.0.0.1", parts.port or 80)
    try:
        connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        return connection.getresponse().status
    finally:
        connection.close()


def _connection(scheme: str, host: str, port: int) -> http.client.HTTPConnection:
    """The question is whether our own child answers, not who it is: its certificate may name another host."""
    if scheme != "https":
        return http.client.HTTPConnection(host, port, timeout=_TIMEOUT)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=_TIMEOUT, context=context)


class Prober:
    """One question per process at a time; answers wait in `answers` as (name, pid) and `wake` is called for each."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self.answers: SimpleQueue[tuple[str, int]] = SimpleQueue()
        self._wake = wake
        self._asked: set[tuple[str, int]] = set()

    def ask(self, name: str, pid: int, ready: Ready) -> None:
        if (name, pid) not in self._asked:
            self._asked.add((name, pid))
            Thread(target=self._run, args=(name, pid, ready), daemon=True, name=f"probe-{name}").start()

    def _run(self, name: str, pid: int, ready: Ready) -> None:
        try:
            if probe(ready):
                self.answers.put((name, pid))
                self._wake()
        finally:
            self._asked.discard((name, pid))
