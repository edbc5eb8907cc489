"""`./run test` and `./run bench`: the project's own checks in the order in which they fail fastest, then pytest."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from controlplane.cli.console import CommandFailed, Console

ROOT = Path(__file__).resolve().parents[2]

CHECKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("format (ruff)", ("ruff", "format", "--check", ".")),
    ("lint (ruff)", ("ruff", "check", ".")),
    ("directions (import-linter)", ("lint-imports", "--no-cache")),
    ("security (bandit)", ("bandit", "-q", "-ll", "-r", "broker", "controlplane", "-x", "migrations")),
    ("types (mypy --strict)", ("mypy",)),
    ("types (pyright strict, pure set)", ("pyright",)),
    ("migrations are complete", ("python", "manage.py", "makemigrations", "--check", "--dry-run")),
)


def test(arguments: list[str], console: Console) -> int:
    """All checks and tests; with pytest arguments only pytest, on what they name."""
    everything = "--all" in arguments
    rest = [argument for argument in arguments if argument != "--all"]
    started = time.monotonic()
    if not rest:
        for name, command in CHECKS:
            check(name, command, console)
    selection = [] if everything or any(a.startswith("-m") for a in rest) else ["-m", "not slow"]
    code = subprocess.call(tool(("python", "-m", "pytest", *selection, *rest)), cwd=ROOT, env=environment())
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    print(f"Total time: {minutes} min {seconds} s", flush=True)
    return 0 if code == 0 else 1


def check(name: str, command: tuple[str, ...], console: Console) -> None:
    started = time.monotonic()
    done = subprocess.run(
        tool(command), cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        print(done.stdout + done.stderr, file=sys.stderr)
        raise CommandFailed(f"{name} failed", f"Again: .venv/bin/{' '.join(command)}")
    console.done(name, time.monotonic() - started)


def tool(command: tuple[str, ...]) -> list[str]:
    return [str(Path(sys.executable).parent / command[0]), *command[1:]]


def environment() -> dict[str, str]:
    """Tests share one cache of downloaded artifacts, and never touch the user's data directory."""
    cache = ROOT / ".cache"
    return {
        **os.environ,
        "KASTELLAN_ARTIFACTS": os.environ.get("KASTELLAN_ARTIFACTS", str(cache / "artifacts")),
        "KASTELLAN_DATA": str(cache / "test-data"),
    }


def bench(name: str, arguments: list[str]) -> int:
    available = sorted(path.stem for path in (ROOT / "bench").glob("*.py") if not path.stem.startswith("_"))
    if name not in available:
        raise CommandFailed(f"there is no benchmark {name!r}", f"Names: {', '.join(available)}")
    return subprocess.call(
        [sys.executable, "-m", f"bench.{name}", *arguments], cwd=ROOT, env={**environment(), "TERM": "dumb"}
    )
