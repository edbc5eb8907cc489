"""A real PostgreSQL for the tests that need one: started once per session where it is installed, else they skip."""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pytest

from tests.alerts.real import free_port
from tests.waiting import eventually

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


@lru_cache(maxsize=1)
def postgres_url() -> str:
    """The URL of an empty database `kastellan` on a socket of its own; no port."""
    home = _home()
    server = _serve(home, "listen_addresses=")
    atexit.register(_end, server, home)
    _make_database(home, "kastellan")
    return f"postgresql://kastellan@/kastellan?host={home}"


@dataclass(frozen=True)
class PostgresServer:
    """On loopback, for what cannot reach a socket's file; asks for a password there."""

    port: int
    user: str = "kastellan"
    password: str = "sh0p-p4ssw0rd"

    def url(self, database: str) -> str:
        return f"postgresql://{self.user}:{self.password}@127.0.0.1:{self.port}/{database}"


@contextmanager
def logical_postgres() -> Generator[PostgresServer]:
    """With databases `shop` and `warehouse`, and changes to be captured (`wal_level=logical`)."""
    home, made = _home(), PostgresServer(free_port())
    (home / "data/pg_hba.conf").write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
    server = _serve(home, "listen_addresses=127.0.0.1", f"port={made.port}", "wal_level=logical")
    try:
        for name in ("shop", "warehouse"):
            _make_database(home, name, made.port)
        word = f"ALTER USER {made.user} PASSWORD '{made.password}'"
        assert _start(home, _binary("psql"), *_way(home, made.port), "-c", word, "shop").wait(60) == 0
        yield made
    finally:
        _end(server, home)


def _binary(name: str) -> Path:
    if not BINARIES:
        pytest.skip("PostgreSQL is not installed: apt install postgresql")
    return BINARIES[-1].parent / name


def _home() -> Path:
    """A directory with an empty data directory in it."""
    initdb, home = _binary("initdb"), Path(tempfile.mkdtemp(prefix="kastellan-pg-"))
    shutil.chown(home, _owner())
    made = _start(home, initdb, "--no-sync", "--auth=trust", "--username=kastellan", home / "data")
    assert made.wait(60) == 0
    return home


def _owner() -> str:
    return "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


def _start(home: Path, *command: str | Path) -> subprocess.Popen[bytes]:
    """PostgreSQL refuses to run as root."""
    quiet, user = subprocess.DEVNULL, _owner() if os.geteuid() == 0 else None
    return subprocess.Popen(command, user=user, cwd=home, stdout=quiet, stderr=quiet)


def _serve(home: Path, *settings: str) -> subprocess.Popen[bytes]:
    told = [word for setting in (*settings, "fsync=off") for word in ("-c", setting)]
    return _start(home, _binary("postgres"), "-D", home / "data", "-k", home, *told)


def _make_database(home: Path, name: str, port: int = 5432) -> None:
    binary, way = _binary("createdb"), _way(home, port)
    eventually(lambda: _start(home, binary, *way, name).wait(60) == 0, timeout=30)


def _way(home: Path, port: int) -> tuple[str, ...]:
    return f"--host={home}", f"--port={port}", "--username=kastellan"


def _end(server: subprocess.Popen[bytes], home: Path) -> None:
    server.send_signal(signal.SIGINT)
    server.wait(30)
    shutil.rmtree(home, ignore_errors=True)
