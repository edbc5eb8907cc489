"""Which Java runs the brokers, and that a cache which does not fit stops none."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from broker.java import Java, JavaError, find_java


def home(directory: Path, release: str | None) -> Path:
    (directory / "bin").mkdir(parents=True)
    program = directory / "bin" / "java"
    program.write_text("#!/bin/sh\necho 'openjdk version \"21.0.4\" 2024-07-16' >&2\n")
    program.chmod(0o755)
    if release is not None:
        (directory / "release").write_text(release)
    return directory


@pytest.mark.parametrize(
    ("release", "version", "aot"),
    [
        ('JAVA_VERSION="17.0.9"\n', 17, False),
        ('JAVA_VERSION="25"\nOS_NAME="Linux"\n', 25, True),
        (None, 21, False),
    ],
)
def test_java_home_is_taken_with_its_version(
    tmp_path: Path, release: str | None, version: int, aot: bool
) -> None:
    java = find_java({"JAVA_HOME": str(home(tmp_path, release))})
    assert java.executable == tmp_path / "bin" / "java"
    assert (java.version, java.aot) == (version, aot)


@pytest.mark.parametrize(
    ("release", "reason"),
    [
        ('JAVA_VERSION="1.8.0_402"\n', "names Java 8"),
        ('JAVA_VERSION="11.0.2"\n', "names Java 11"),
        ("?", "could not be told"),
    ],
)
def test_an_old_or_unknown_java_is_refused_with_a_way_out(tmp_path: Path, release: str, reason: str) -> None:
    with pytest.raises(JavaError, match=reason) as caught:
        find_java({"JAVA_HOME": str(home(tmp_path, release))})
    assert "a Java comes along" in caught.value.hint


def test_a_java_home_without_java_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JavaError, match="no bin/java"):
        find_java({"JAVA_HOME": str(tmp_path)})


@pytest.fixture(scope="module")
def bundled() -> Java:
    return find_java({})


def test_without_java_home_a_java_comes_along(bundled: Java) -> None:
    assert bundled.executable.is_file()
    assert bundled.aot


@pytest.mark.parametrize("content", [None, b"", b"not a cache at all" * 1000])
def test_a_cache_that_is_absent_or_broken_stops_no_start(
    bundled: Java, tmp_path: Path, content: bytes | None
) -> None:
    cache = tmp_path / "cache.aot"
    if content is not None:
        cache.write_bytes(content)
    command = [str(bundled.executable), f"-XX:AOTCache={cache}", "-Xlog:aot=off", "-Xlog:cds=off", "-version"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "error" not in (run.stdout + run.stderr).lower()
