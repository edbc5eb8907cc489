"""The few places of the data directory that settings need before anything else is imported.

The whole map is `broker.paths.DataPaths`; a test keeps the two in agreement.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path

SOCKET_PATH_LIMIT = 107


def data_directory(checkout: Path) -> Path:
    return private_directory(Path(os.environ.get("KASTELLAN_DATA") or checkout / "data").absolute())


def private_directory(path: Path) -> Path:
    if not path.is_dir():
        private_directory(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    return path


def socket_path(data: Path, name: str) -> Path:
    path = data / "run" / f"{name}.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
        return path
    key = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"kastellan-{os.getuid()}-{key}" / f"{name}.sock"


def recorded_port(state: Path) -> int | None:
    """The web server's port as `./run up` chose it; None before the first start."""
    try:
        found = json.loads((state / "settings.json").read_text())["port"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, int) else None
