"""How long until Kastellan is usable: an empty data directory with the downloads done (cold), and again (warm).

Usable means: `./run up --detach` has returned, so every process is ready, and the login page answers.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from bench._report import finish, table

ROOT = Path(__file__).resolve().parents[1]
WARM_ROUNDS = 3


def run(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [str(ROOT / "run"), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"./run {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def seconds_to_page(environment: dict[str, str]) -> float:
    started = time.monotonic()
    out = run(environment, "up", "--detach")
    url = next(word for word in out.split() if word.startswith("http://"))
    with urllib.request.urlopen(f"{url}/login/", timeout=30) as answer:
        answer.read()
    return time.monotonic() - started


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="kastellan-bench-") as directory:
        environment = {**os.environ, "KASTELLAN_DATA": directory + "/data"}
        try:
            cold = seconds_to_page(environment)
            warm = []
            for _ in range(WARM_ROUNDS):
                run(environment, "down")
                warm.append(seconds_to_page(environment))
        finally:
            run(environment, "down")
    warm.sort()
    median = warm[len(warm) // 2]
    table(
        ("start", "seconds", "runs"),
        [
            ("cold", f"{cold:.1f}", "1"),
            ("warm", f"{median:.1f}", ", ".join(f"{value:.1f}" for value in warm)),
        ],
    )
    finish(
        "start",
        {"cold_s": round(cold, 1), "warm_s": round(median, 1)},
        {"cold/warm": round(cold / median, 2)},
    )


if __name__ == "__main__":
    main()
