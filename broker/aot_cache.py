"""Where the JDK's ahead-of-time cache for brokers lies (JEP 483, JEP 514)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from broker.java import Java
from broker.render import cache_key_flags
from broker.spec import JvmProfile


def cache_file(root: Path, java: Java, classpath: Sequence[Path], agent: Path, jvm: JvmProfile) -> Path:
    """Keyed by all that makes a cache valid: the JVM, the class path with its files, the agent, the flags."""
    digest = hashlib.sha256(f"{java.executable}\n{java.build}\n{cache_key_flags(jvm)}\n".encode())
    for jar in (*classpath, agent):
        status = jar.stat()
        digest.update(f"{jar} {status.st_size} {int(status.st_mtime)}\n".encode())
    return root.absolute() / "aot" / f"{digest.hexdigest()[:24]}.aot"
