"""Runs `./run` as a person would, in a data directory of the test's own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEPT = ("KASTELLAN_ARTIFACTS",)


def run(data: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name in KEPT or not name.startswith(("KASTELLAN_", "DJANGO_", "PYTEST_"))
    }
    return subprocess.run(
        [str(ROOT / "run"), *arguments],
        env={**inherited, "KASTELLAN_DATA": str(data), "TERM": "dumb", **env},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
