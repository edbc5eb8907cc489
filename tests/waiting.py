"""Waiting without sleeping blindly: asks until something is true, and fails with what it last saw."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(ask: Callable[[], T | None], *, timeout: float = 10, every: float = 0.05) -> T:
    """The first truthy answer; AssertionError with the last one when the time is over."""
    deadline = time.monotonic() + timeout
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {ask!r} still gives {answer!r}")
        time.sleep(every)
