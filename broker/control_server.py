"""The supervisor's end of the control socket: accepts, checks the peer, reads JSON lines, answers each with one line.

Lives in the supervisor's selector and never blocks it. Malformed input is answered with an error and never believed.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

MAX_MESSAGE = 1024 * 1024
MAX_PEERS = 64

Handler = Callable[[Mapping[str, Any]], Any]


class Refused(Exception):
    """The request was understood and is refused; the message says why."""

    def __init__(self, code: str, what: str) -> None:
        super().__init__(what)
        self.code = code


class ControlServer:
    def __init__(self, path: Path, selector: selectors.BaseSelector, handlers: Mapping[str, Handler]) -> None:
        self._path = path
        self._selector = selector
        self._handlers = handlers
        self._peers: dict[socket.socket, _Peer] = {}
        self._socket = _listen(path)
        selector.register(self._socket, selectors.EVENT_READ, self._accept)

    def close(self) -> None:
        for peer in tuple(self._peers):
            self._drop(peer)
        self._selector.unregister(self._socket)
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def _accept(self, _events: int) -> None:
        try:
            connection, _ = self._socket.accept()
        except OSError:
            return
        if len(self._peers) >= MAX_PEERS or not _same_user(connection):
            connection.close()
            return
        connection.setblocking(False)
        self._peers[connection] = _Peer()
        self._selector.register(connection, selectors.EVENT_READ, partial(self._serve, connection))

    def _serve(self, connection: socket.socket, events: int) -> None:
        peer = self._peers[connection]
        try:
            if events & selectors.EVENT_READ and not self._receive(connection, peer):
                self._drop(connection)
                return
            self._send(connection, peer)
        except OSError:
            self._drop(connection)

    def _receive(self, connection: socket.socket, peer: _Peer) -> bool:
        """False when the peer is done or talks nonsense beyond measure."""
        data = connection.recv(65536)
        if not data:
            return False
        *lines, peer.unread = (peer.unread + data).split(b"\n")
        for line in lines:
            peer.unsent += self._answer(line)
        if len(peer.unread) > MAX_MESSAGE:
            peer.unread = b""
            peer.unsent += _error("too_large", f"A message may have {MAX_MESSAGE} bytes.")
            peer.closing = True
        return True

    def _answer(self, line: bytes) -> bytes:
        try:
            request = json.loads(line)
            handler = self._handlers[request["op"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            return _error("bad_request", "Not a request: one JSON object with a known `op` per line.")
        try:
            return _line({"ok": True, "result": handler(request)})
        except Refused as refusal:
            return _error(refusal.code, str(refusal))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return _error("bad_request", f"Malformed {request['op']}: {type(error).__name__}: {error}")

    def _send(self, connection: socket.socket, peer: _Peer) -> None:
        if peer.unsent:
            with suppress(BlockingIOError):
                peer.unsent = peer.unsent[connection.send(peer.unsent) :]
        if peer.closing and not peer.unsent:
            self._drop(connection)
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if peer.unsent else 0)
        self._selector.modify(connection, events, partial(self._serve, connection))

    def _drop(self, connection: socket.socket) -> None:
        del self._peers[connection]
        self._selector.unregister(connection)
        connection.close()


class _Peer:
    def __init__(self) -> None:
        self.unread = b""
        self.unsent = b""
        self.closing = False


def _listen(path: Path) -> socket.socket:
    """The caller holds the supervisor's lock, so a socket file that is there belongs to nobody alive."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(MAX_PEERS)
    listener.setblocking(False)
    return listener


def _same_user(connection: socket.socket) -> bool:
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", raw)
    return uid in (os.getuid(), 0)


def _line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"


def _error(code: str, what: str) -> bytes:
    return _line({"ok": False, "error": {"code": code, "what": what}})
