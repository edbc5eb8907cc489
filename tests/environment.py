"""Loaded before Django's settings (`-p tests.environment`): each session has a data directory and a database of its own.

KASTELLAN_TEST_DATA names the data directory of a cluster that is already up, for quick repeated runs.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from broker.tuning import base_port

ROOT = Path(__file__).resolve().parents[1]
SHARED = os.environ.get("KASTELLAN_TEST_DATA", "")
DATA = SHARED or tempfile.mkdtemp(prefix="kastellan-test-")

os.environ["KASTELLAN_DATA"] = DATA
os.environ.setdefault("KASTELLAN_ARTIFACTS", str(ROOT / ".cache" / "artifacts"))
os.environ["KASTELLAN_TEST_DATABASE"] = str(
    Path(tempfile.gettempdir()) / f"kastellan-test-{os.getpid()}.sqlite3"
)
# The synchronous Playwright driver runs an event loop in the main thread; Django's ORM is used beside it, not in it.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
#: The first port of the clusters that fixtures make: two sessions beside each other need a range each.
PORTS = base_port(os.environ)
