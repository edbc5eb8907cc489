"""What the launcher prints: steps with their state, byte progress with ETA, errors with a hint.

Plain lines when standard output is no terminal, so that logs of `up --detach` stay readable.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from controlplane.gateways.broker import Progress


class CommandFailed(Exception):
    """The command was refused or failed; printed to standard error, exit code 1."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


def human_bytes(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


class Console:
    """Progress goes to standard error, so that standard output holds results only."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self._open_line = False

    def line(self, mark: str, text: str) -> None:
        self._clear()
        print(f" {mark} {text}", file=sys.stderr, flush=True)

    def done(self, text: str, seconds: float | None = None) -> None:
        self.line("✓", text if seconds is None else f"{text}  ({seconds:.1f} s)")

    def note(self, text: str) -> None:
        self.line("·", text)

    def warn(self, text: str) -> None:
        self.line("!", text)

    def fail(self, text: str) -> None:
        self.line("✗", text)

    def transient(self, text: str) -> None:
        """A line that the next one overwrites; nothing at all when not on a terminal."""
        if not self.live:
            return
        width = shutil.get_terminal_size().columns
        print(f"\r\x1b[2K {text[: width - 2]}", end="", file=sys.stderr, flush=True)
        self._open_line = True

    def _clear(self) -> None:
        if self._open_line:
            print("\r\x1b[2K", end="", file=sys.stderr)
            self._open_line = False

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        started = time.monotonic()
        self.transient(f"… {text}")
        yield
        self.done(text, time.monotonic() - started)


class ByteProgress:
    """Draws `done / total  rate  ETA` for the downloads; called from the fetching thread pool."""

    def __init__(self, console: Console, label: str) -> None:
        self.console = console
        self.label = label
        self.started = time.monotonic()
        self._drawn = 0.0
        self._base: int | None = None

    def __call__(self, progress: Progress) -> None:
        done, total = progress.done, progress.total
        now = time.monotonic()
        if self._base is None:
            self._base = done
        if now - self._drawn < 0.2 and done < total:
            return
        self._drawn = now
        self.console.transient(progress_text(self.label, done, total, done - self._base, now - self.started))


def progress_text(label: str, done: int, total: int, fetched: int, seconds: float) -> str:
    """`fetched` counts only this run's bytes: resumed ones must not flatter the rate."""
    filled = int(24 * done / total) if total else 24
    bar = "█" * filled + "░" * (24 - filled)
    rate = fetched / seconds if seconds > 0 else 0
    eta = f"  ETA {(total - done) / rate:.0f} s" if rate > 0 and done < total else ""
    return f"{label} {bar} {human_bytes(done)} / {human_bytes(total)}  {human_bytes(rate)}/s{eta}"
