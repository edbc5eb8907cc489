"""What is checked before a process is started: its ports are free, and its data directory is its own.

Both would also fail in the process itself, but later, in other words, or (a foreign cluster id) not at all.
"""

from __future__ import annotations

from pathlib import Path

from broker import evidence
from broker.diagnosis import Cause, Diagnosis, port_taken, storage_mismatch
from broker.processes import ProcessSpec


def check(spec: ProcessSpec) -> Diagnosis | None:
    """The first obstacle; None when it may be started."""
    for address in evidence.taken(spec.ports):
        return port_taken(address, evidence.port_owner(address))
    for file, lines in spec.expect.items():
        found = _check_file(file, lines)
        if found is not None:
            return found
    return None


def _check_file(file: str, lines: tuple[str, ...]) -> Diagnosis | None:
    try:
        text = Path(file).read_text()
    except OSError as error:
        what = (
            f"{file} cannot be read ({error.strerror}): the data directory is not formatted, or not mounted."
        )
        return Diagnosis(
            Cause.NOT_FORMATTED, what, "If its disk is not mounted, mount it. Nothing was changed."
        )
    return storage_mismatch(file, text, lines)
