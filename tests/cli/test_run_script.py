"""`run`, the shell script, in a checkout of its own: whatever a kill left of `.venv`, the next call completes it."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.launcher import ROOT
from tests.waiting import eventually


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The script with a launcher that only says that it was reached, and nothing to install."""
    shutil.copy(ROOT / "run", tmp_path / "run")
    (tmp_path / "requirements.txt").write_text("")
    package = tmp_path / "controlplane" / "cli"
    package.mkdir(parents=True)
    (package / "__main__.py").write_text("import sys; print('reached', *sys.argv[1:])")
    return tmp_path


def environment() -> dict[str, str]:
    return {**os.environ, "KASTELLAN_PYTHON": sys.executable, "PIP_NO_INDEX": "1"}


def run(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(checkout / "run"), *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def make_venv(checkout: Path, *options: str) -> Path:
    subprocess.run([sys.executable, "-m", "venv", *options, str(checkout / ".venv")], check=True)
    return checkout / ".venv"


def test_a_venv_whose_creation_was_killed_before_pip_came_is_made_anew(checkout: Path) -> None:
    venv = make_venv(checkout, "--without-pip")
    done = run(checkout, "status", "--json")
    assert done.stdout == "reached status --json\n", done.stderr
    assert (venv / ".made").is_file()


def test_a_venv_in_which_an_install_was_killed_is_made_anew(checkout: Path) -> None:
    venv = make_venv(checkout)
    (venv / ".made").touch()
    (venv / ".installing-requirements.txt").touch()
    (venv / "half-unpacked").touch()
    assert run(checkout, "help").stdout == "reached help\n"
    assert not (venv / "half-unpacked").exists()
    assert not (venv / ".installing-requirements.txt").exists()


def test_a_complete_venv_is_used_as_it_is_and_an_older_one_without_the_mark_too(checkout: Path) -> None:
    run(checkout, "help")
    venv = checkout / ".venv"
    (venv / "kept").touch()
    (venv / ".made").unlink()
    assert run(checkout, "help").stdout == "reached help\n"
    assert (venv / "kept").exists()


def test_an_install_that_fails_says_what_pip_said_and_is_tried_again(checkout: Path) -> None:
    (checkout / "requirements.txt").write_text("nothing-like-this==1 --hash=sha256:" + "0" * 64 + "\n")
    failed = run(checkout, "help")
    assert failed.returncode == 1
    assert "nothing-like-this" in failed.stderr
    assert "could not install requirements.txt" in failed.stderr
    (checkout / "requirements.txt").write_text("")
    assert run(checkout, "help").stdout == "reached help\n"


def test_a_second_command_waits_while_another_installs(checkout: Path) -> None:
    with (checkout / ".venv.lock").open("w") as lock, (checkout / "errors").open("w") as errors:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with subprocess.Popen(
            [str(checkout / "run"), "help"],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as second:
            eventually(lambda: "Waiting for another" in (checkout / "errors").read_text())
            assert not (checkout / ".venv").exists()
            fcntl.flock(lock, fcntl.LOCK_UN)
            assert second.communicate(timeout=120)[0] == "reached help\n"


def test_the_progress_of_pip_is_told_in_packages(checkout: Path) -> None:
    said = "".join(f"Collecting package{n}==1\n  Downloading package{n}-1.whl (9.9 MB)\n" for n in range(20))
    script = (checkout / "run").read_text()
    progress = script[script.index("progress() {") : script.index("# Two commands at once")]
    (checkout / "twenty.txt").write_text("".join(f"package{n}==1\n" for n in range(20)))
    told = subprocess.run(
        ["bash", "-c", f"{progress}\nprogress twenty.txt"],
        cwd=checkout,
        input=said,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stderr == "  10 of 20 packages\n  20 of 20 packages\n"
