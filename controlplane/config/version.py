"""The version, read from the first heading of CHANGELOG.md: the one place where it is written."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def read_version(changelog: str) -> str:
    found = re.search(r"^## (\d+\.\d+\.\d+)(?: \((unreleased)\))?", changelog, re.MULTILINE)
    if found is None:
        return "0.0.0"
    return f"{found[1]}.dev0" if found[2] else found[1]


VERSION = read_version((ROOT / "CHANGELOG.md").read_text()) if (ROOT / "CHANGELOG.md").exists() else "0.0.0"
