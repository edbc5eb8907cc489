"""How large a request may be, decided before anything of it is kept.

Django's ASGI handler writes a whole body to disk before it asks who sends it. So bodies are small here, but for the few
addresses that take files, and of those only a few large ones come at once: nobody fills the disk without a login.
"""

from __future__ import annotations

import json
import re
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
LARGE_AT = re.compile(r"/clusters/[^/]+/connect-worker/plugins/(uploads/[^/]+|new)/$")
AT_ONCE = 2


class BodyLimit:
    """Around the application. A body that says its size is refused at once, another when it has grown too large."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._large = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        told = _told(scope)
        is_large = bool(LARGE_AT.search(scope["path"])) and (told is None or told > USUAL)
        limit = LARGE if is_large else USUAL
        if told is not None and told > limit:
            what = f"The body is larger than {limit >> 20:,} MB"
            await _refuse(scope, send, Problem(413, "too_large", "Too large", what))
        elif is_large and self._large >= AT_ONCE:
            what, hint = "Other large files are being uploaded", "Try again in a minute."
            await _refuse(scope, send, Problem(503, "busy", "Busy", what, hint, retriable=True))
        else:
            self._large += is_large
            try:
                await self._application(scope, _counted(receive, limit), send)
            finally:
                self._large -= is_large


def _told(scope: Scope) -> int | None:
    """Its size; None for one that comes in pieces."""
    headers = dict(scope["headers"])
    if b"transfer-encoding" in headers:
        return None
    text = headers.get(b"content-length", b"0")
    return int(text) if text.isdigit() else None


def _counted(receive: Receive, limit: int) -> Receive:
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        # As if the sender had gone: what was kept of it is forgotten.
        return {"type": "http.disconnect"} if seen > limit else message

    return counted


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
