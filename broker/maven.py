"""The Maven client: its default repository or the company's mirror, and no path but one below the cache.

Names of artifacts become paths and addresses, and those of dependencies are written by whoever published a POM.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jgo.maven import Artifact, MavenContext

MIRROR = "KASTELLAN_MAVEN_REPOSITORY"
TIMEOUT_S = 30
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


def is_name(part: str) -> bool:
    """Of a group, an artifact, a version, a packaging or a classifier."""
    return bool(_PART.fullmatch(part)) and ".." not in part


def maven(cache: Path, count: Callable[[int], None]) -> MavenContext:
    """`count` is told the size of each piece that came."""
    # Imported here: it costs a third of a second and the warm path never downloads.
    from jgo.maven import MavenContext, PythonResolver

    class Careful(PythonResolver):
        def download(self, artifact: Artifact) -> Path | None:
            parts = (artifact.groupId, artifact.artifactId, artifact.version, artifact.packaging)
            kind = artifact.classifier or ""
            if not all(map(is_name, parts)) or (kind and not is_name(kind)):
                raise RuntimeError(f"an artifact of a name that is none: {artifact.artifactId[:80]!r}")
            found = super().download(artifact)
            if found is not None and cache.resolve() not in Path(found).resolve().parents:
                raise RuntimeError("an artifact that leads out of its directory")
            return found

    @contextmanager
    def progress(_name: str, _size: int) -> Generator[Callable[[int], None]]:
        yield count

    mirror = os.environ.get(MIRROR)
    return MavenContext(
        resolver=Careful(progress_callback=progress),
        repo_cache=cache,
        remote_repos={"mirror": mirror.rstrip("/")} if mirror else None,
        timeout=TIMEOUT_S,
    )
