"""The `kafka-*.sh` line that does the same as a plan, for "copy as CLI". Pure."""

from __future__ import annotations

import shlex

COMMON = ("--bootstrap-server", "$BOOTSTRAP", "--command-config", "client.properties")


def line(script: str, *arguments: str) -> str:
    """`$BOOTSTRAP` stays a shell variable; all else is quoted."""
    common = " ".join(COMMON)
    return f"{script} {common} {' '.join(shlex.quote(argument) for argument in arguments)}"
