"""How large a request may be, decided before anything of it is kept.

Django's ASGI handler writes a whole body to disk before it asks who sends it. So bodies are small here, but for the few
addresses that take files; of those only a few large ones come at once, all others together are bounded, and a body that
drips is given up: nobody fills the disk, or keeps the place of an upload, without a login.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from controlplane.core.problem import CONTENT_TYPE, FOR_MACHINES, Problem

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

USUAL = 16 << 20
#: A file, and what a form puts around it.
LARGE = (1 << 30) + (1 << 20)
LARGE_AT = re.compile(r"(/api/v1)?/clusters/[^/]+/connect-worker/plugins/(uploads/[^/]+|new)/")
AT_ONCE = 2
#: Of all bodies but the large ones, while their requests are at work.
TOGETHER = 256 << 20
#: Each piece has to come in that time, and the whole at this pace at least; a usual body has the first time for all of it.
PIECE_S, PACE = 30.0, 256 << 10


class BodyLimit:
    """Around the application. A body that says its size is refused at once, another when it has grown too large."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._large = 0
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        told = _told(scope)
        is_large = bool(LARGE_AT.fullmatch(scope["path"])) and (told is None or told > USUAL)
        limit = LARGE if is_large else USUAL
        if told is not None and told > limit:
            what = f"The body is larger than {limit >> 20:,} MB"
            await _refuse(scope, send, Problem(413, "too_large", "Too large", what))
        elif is_large and self._large >= AT_ONCE:
            what, hint = "Other large files are being uploaded", "Try again in a minute."
            await _refuse(scope, send, Problem(503, "busy", "Busy", what, hint, retriable=True))
        else:
            self._large += is_large
            counted = _Counted(receive, limit, self._take if not is_large else None)
            try:
                await self._application(scope, counted, send)
            finally:
                self._large -= is_large
                self._held -= counted.taken

    def _take(self, size: int) -> bool:
        """Whether there is room for so much more."""
        if self._held + size > TOGETHER:
            return False
        self._held += size
        return True


def _told(scope: Scope) -> int | None:
    """Its size; None for one that comes in pieces."""
    headers = dict(scope["headers"])
    if b"transfer-encoding" in headers:
        return None
    text = headers.get(b"content-length", b"0")
    return int(text) if text.isdigit() else None


GONE: Message = {"type": "http.disconnect"}


class _Counted:
    """`receive` until the body has come, and after that. What is too large or too slow looks as if its sender had gone: what
    was kept of it is forgotten."""

    def __init__(self, receive: Receive, limit: int, take: Callable[[int], bool] | None) -> None:
        self._receive, self._limit, self._take = receive, limit, take
        self._began = time.monotonic()
        self._more = True
        self._seen = 0
        #: Of what all share.
        self.taken = 0

    async def __call__(self) -> Message:
        if not self._more:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), PIECE_S)
        except TimeoutError:
            return GONE
        size = len(message.get("body", b""))
        self._seen += size
        self._more = bool(message.get("more_body", False))
        return message if self._fits(size) else GONE

    def _fits(self, size: int) -> bool:
        late = time.monotonic() - self._began > PIECE_S + self._seen / PACE
        if self._seen > self._limit or (late and self._more):
            return False
        if self._take is not None:
            if not self._take(size):
                return False
            self.taken += size
        return True


async def _refuse(scope: Scope, send: Send, problem: Problem) -> None:
    if scope["path"].startswith(FOR_MACHINES):
        kind, data = CONTENT_TYPE, json.dumps(problem.to_json()).encode()
    else:
        kind, data = "text/plain; charset=utf-8", f"{problem.what}. {problem.hint}".strip().encode()
    headers = [
        (b"content-type", kind.encode()),
        (b"content-length", str(len(data)).encode()),
        # What is left of the body is not read.
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": data})
