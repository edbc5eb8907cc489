"""A real PostgreSQL for the tests that need one: started once per session where it is installed, else they skip."""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import pytest

from tests.waiting import eventually

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


@lru_cache(maxsize=1)
def postgres_url() -> str:
    """The URL of an empty database `kastellan` on a socket of its own; no port."""
    if not BINARIES:
        pytest.skip("PostgreSQL is not installed: apt install postgresql")
    binaries = BINARIES[-1].parent
    home = Path(tempfile.mkdtemp(prefix="kastellan-pg-"))
    owner = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    shutil.chown(home, owner)

    def start(*command: str | Path) -> subprocess.Popen[bytes]:
        # PostgreSQL refuses to run as root.
        quiet = subprocess.DEVNULL
        user = owner if os.geteuid() == 0 else None
        return subprocess.Popen(command, user=user, cwd=home, stdout=quiet, stderr=quiet)

    def done(*command: str | Path) -> bool:
        return start(*command).wait(60) == 0

    data = home / "data"
    assert done(binaries / "initdb", "--no-sync", "--auth=trust", "--username=kastellan", data)
    server = start(
        binaries / "postgres", "-D", data, "-k", home, "-c", "listen_addresses=", "-c", "fsync=off"
    )
    atexit.register(_end, server, home)
    eventually(
        lambda: done(binaries / "createdb", f"--host={home}", "--username=kastellan", "kastellan"), timeout=30
    )
    return f"postgresql://kastellan@/kastellan?host={home}"


def _end(server: subprocess.Popen[bytes], home: Path) -> None:
    server.send_signal(signal.SIGINT)
    server.wait(30)
    shutil.rmtree(home, ignore_errors=True)
