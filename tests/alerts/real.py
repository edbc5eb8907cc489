"""The programs whose formats we speak, where they are installed: promtool, amtool, Prometheus and Alertmanager themselves."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


def run(*command: str | Path) -> tuple[bool, str]:
    """Whether it was content, and all that it said."""
    done = subprocess.run([str(each) for each in command], capture_output=True, text=True, timeout=60)
    return done.returncode == 0, done.stdout + done.stderr


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
    return found


@contextmanager
def started(*command: str | Path, ready: str) -> Iterator[None]:
    with subprocess.Popen(
        [str(each) for each in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            until(lambda: answers(ready))
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)


@contextmanager
def prometheus(folder: Path, rules: str) -> Iterator[str]:
    """One with these rules, evaluated every second; the address of its API."""
    (folder / "rules.yml").write_text(rules)
    (folder / "prometheus.yml").write_text(
        "global: {evaluation_interval: 1s}\nrule_files: [rules.yml]\n", encoding="utf-8"
    )
    address = f"127.0.0.1:{free_port()}"
    with started(
        "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
        f"--web.listen-address={address}", "--log.level=error", ready=f"http://{address}/-/ready",
    ):  # fmt: skip
        yield f"http://{address}/api/v1"


@contextmanager
def alertmanager(folder: Path, config: str) -> Iterator[str]:
    (folder / "alertmanager.yml").write_text(config)
    address = f"127.0.0.1:{free_port()}"
    with started(
        "prometheus-alertmanager", f"--config.file={folder}/alertmanager.yml",
        f"--storage.path={folder}/am", f"--web.listen-address={address}", "--cluster.listen-address=",
        "--log.level=error", ready=f"http://{address}/-/ready",
    ):  # fmt: skip
        yield f"http://{address}"


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, ConnectionError):
        return False


def ask(url: str, **parameters: Any) -> tuple[int, Any]:
    query = urllib.parse.urlencode(parameters, doseq=True)
    try:
        with urllib.request.urlopen(f"{url}?{query}" if query else url, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def until(holds: Any, seconds: float = 20.0) -> None:
    ends = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > ends:
            raise TimeoutError("it did not come to hold")
        time.sleep(0.1)
