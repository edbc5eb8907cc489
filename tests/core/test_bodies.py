"""Bodies are refused by their size before anything of them is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest

from controlplane.core import bodies
from controlplane.core.bodies import BodyLimit

UPLOAD = "/api/v1/clusters/main/connect-worker/plugins/uploads/x.zip/"
MB = 1 << 20
Found = TypeVar("Found")


def settled(work: Coroutine[Any, Any, Found]) -> Found:
    """In a thread of its own: the browser of other tests leaves a running loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


class Handler:
    """Reads a body as Django does: all of it, before anything else."""

    def __init__(self) -> None:
        self.read = 0
        self.gone = False
        self.waits = asyncio.Event()
        self.go = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.gone = True
                return
            self.read += len(message["body"])
            if not message["more_body"]:
                break
        self.waits.set()
        await self.go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})


async def asked(limit: BodyLimit, path: str, pieces: list[int], told: int | None = None) -> int | None:
    """The status, if any. `told`: what Content-Length says; None sends it in pieces."""
    header = (b"transfer-encoding", b"chunked") if told is None else (b"content-length", str(told).encode())
    queue = [
        {"type": "http.request", "body": bytes(size), "more_body": index < len(pieces) - 1}
        for index, size in enumerate(pieces)
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return queue.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await limit({"type": "http", "path": path, "headers": [header]}, receive, send)
    return sent[0]["status"] if sent else None


@pytest.mark.parametrize(
    ("path", "told", "status"),
    [
        ("/api/v1/clusters/main/topics/", 100, 200),
        ("/api/v1/clusters/main/topics/", 17 * MB, 413),
        ("/login/", 17 * MB, 413),
        (UPLOAD, 100 * MB, 200),
        ("/clusters/main/connect-worker/plugins/new/", 100 * MB, 200),
        (UPLOAD, 1100 * MB, 413),
        ("/x" + UPLOAD + "more", 100 * MB, 413),
        ("/clusters/main/connect-worker/plugins/", 100 * MB, 413),
    ],
)
def test_a_body_that_says_its_size(path: str, told: int, status: int) -> None:
    async def ask() -> tuple[int | None, int]:
        handler = Handler()
        handler.go.set()
        return await asked(BodyLimit(handler), path, [10], told), handler.read

    found, read = settled(ask())
    assert (found, read) == (status, 10 if status == 200 else 0)


def test_a_body_in_pieces_ends_where_it_grows_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "USUAL", 1000)
    monkeypatch.setattr(bodies, "LARGE", 3000)

    async def ask(path: str) -> tuple[bool, int]:
        handler = Handler()
        handler.go.set()
        await asked(BodyLimit(handler), path, [900] * 6)
        return handler.gone, handler.read

    assert settled(ask("/api/v1/jobs/")) == (True, 900)
    assert settled(ask(UPLOAD)) == (True, 2700)


def test_only_a_few_large_ones_come_at_once() -> None:
    async def ask() -> tuple[int | None, int | None, int | None]:
        handler = Handler()
        limit = BodyLimit(handler)
        held = [asyncio.create_task(asked(limit, UPLOAD, [10], 100 * MB)) for _ in range(bodies.AT_ONCE)]
        await handler.waits.wait()
        await asyncio.sleep(0)
        third = await asked(limit, UPLOAD, [10], 100 * MB)
        handler.go.set()
        small = await asked(limit, UPLOAD, [10], 10)
        assert [await task for task in held] == [200] * bodies.AT_ONCE
        return third, small, await asked(limit, UPLOAD, [10], 100 * MB)

    assert settled(ask()) == (503, 200, 200)


def test_a_body_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PIECE_S", 0.05)

    async def ask(wait: float) -> bool:
        handler, sent = Handler(), 0
        handler.go.set()

        async def receive() -> Any:
            nonlocal sent
            await asyncio.sleep(wait)
            sent += 1
            return {"type": "http.request", "body": b"x", "more_body": sent < 200}

        async def send(message: Any) -> None:
            pass

        headers = [(b"content-length", b"100000000")]
        await BodyLimit(handler)({"type": "http", "path": UPLOAD, "headers": headers}, receive, send)
        return handler.gone

    assert settled(ask(10))
    assert settled(ask(0.01))


def test_all_together_are_bounded_and_what_has_ended_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "TOGETHER", 1000)

    async def ask() -> tuple[int | None, int | None, int | None]:
        handler = Handler()
        limit = BodyLimit(handler)
        first = asyncio.create_task(asked(limit, "/x/", [900], 900))
        await handler.waits.wait()
        second = await asked(limit, "/x/", [200], 200)
        handler.go.set()
        return await first, second, await asked(limit, "/x/", [200], 200)

    assert settled(ask()) == (200, None, 200)
