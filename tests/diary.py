"""What a failed session has to say for itself, behind pytest's own summary: failures in the order in which they came, with
the time and the test before; when this process stood still; which of the cluster's processes had been started again.

Tests run in random order on brokers that they share. Without it nobody can tell what came first.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from broker.control import ControlClient

GAP_SECONDS = 5.0
BEAT_SECONDS = 0.5
MOST = 60
_lines: list[str] = []
_now: dict[str, str] = {"test": "", "before": ""}
_ended = threading.Event()


def _say(what: str) -> None:
    if len(_lines) < MOST:
        _lines.append(f"{time.strftime('%H:%M:%S')} {what}")


def _watch() -> None:
    last = time.monotonic()
    while not _ended.wait(BEAT_SECONDS):
        now = time.monotonic()
        if now - last > GAP_SECONDS:
            _say(f"stood still for {now - last:.0f} s in {_now['test']}")
        last = now


def pytest_sessionstart() -> None:
    threading.Thread(target=_watch, name="diary", daemon=True).start()


def pytest_sessionfinish() -> None:
    _ended.set()


def pytest_runtest_logstart(nodeid: str) -> None:
    _now["before"], _now["test"] = _now["test"], nodeid


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed:
        last = str(report.longrepr).rstrip().rpartition("\n")[2][:200]
        _say(f"{report.when} of {report.nodeid} after {_now['before']}: {last}")


def note_processes(client: ControlClient) -> None:
    """At the end of the session, while they are still there."""
    for status in client.status():
        since = time.strftime("%H:%M:%S", time.localtime(status.since)) if status.since else "never"
        _say(f"{status.name}: {status.state.value} since {since} {status.reason or ''}".rstrip())


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int) -> None:
    if exitstatus and _lines:
        terminalreporter.section("diary")
        for line in _lines:
            terminalreporter.write_line(line)
