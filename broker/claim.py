"""Whose a data directory is: `up` marks the one that it makes, takes no other's, and `reset` deletes what it made alone.

The mark is written before anything else and deleted last, so a kill leaves a directory that is still known as ours.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from broker.errors import BundledError

MARK = ".kastellan"
#: Everything that we ever put at the top of a data directory.
OWN = frozenset(
    {
        "artifacts", "clients", "clusters", "db", "logs", "prometheus", "redis", "run", "secrets", "state", "static",
    }
)  # fmt: skip
#: Any of these in a directory without the mark proves that an older version made it.
PROOFS = (
    "clusters/*/cluster.json",
    "secrets/django-secret-key",
    "secrets/field-key",
    "secrets/jolokia-password",
    "state/processes.json",
    "state/supervisor.lock",
)
TEXT = "This directory belongs to Kastellan. `./run reset` deletes it; this file says that it may.\n"
SHOWN = 3
ELSEWHERE = "Name another one: KASTELLAN_DATA=DIR ./run up"


class ForeignDirectory(BundledError):
    """The directory holds what is not ours."""


def claim(root: Path) -> None:
    """Makes the directory ours: mode 0700 and marked. Refused where it holds files of somebody else."""
    if root.exists() and not root.is_dir():
        raise ForeignDirectory(f"{root} is a file, not a directory", ELSEWHERE)
    root.mkdir(mode=0o700, exist_ok=True)
    if not (root / MARK).is_file():
        _check(root)
    _make_private(root)
    if not (root / MARK).is_file():
        (root / MARK).touch(mode=0o600)
        (root / MARK).write_text(TEXT)


def is_ours(root: Path) -> bool:
    """Also an empty directory: there is nothing in it to lose."""
    return (root / MARK).is_file() or not foreign(root)


def foreign(root: Path) -> tuple[str, ...]:
    """What a directory without the mark holds that we cannot have made; () when it may be taken."""
    if any(any(root.glob(proof)) for proof in PROOFS):
        return ()
    names = sorted(entry.name for entry in root.iterdir())
    strange = tuple(name for name in names if name not in OWN)
    return strange or (tuple(names) if _has_files(root / name for name in names) else ())


def delete(root: Path) -> tuple[str, ...]:
    """Deletes what is ours, the mark last; returns what was left alone because it is not."""
    for name in OWN:
        place = root / name
        if place.is_symlink() or place.is_file():
            place.unlink()
        elif place.is_dir():
            shutil.rmtree(place)
    (root / MARK).unlink(missing_ok=True)
    left = tuple(sorted(entry.name for entry in root.iterdir()))
    if not left and not root.is_symlink():
        root.rmdir()
    return left


def _check(root: Path) -> None:
    strange = foreign(root)
    if not strange:
        return
    more = f" and {len(strange) - SHOWN} more" if len(strange) > SHOWN else ""
    raise ForeignDirectory(
        f"{root} holds files that are not Kastellan's: {', '.join(strange[:SHOWN])}{more}",
        f"Nothing was changed. {ELSEWHERE}",
    )


def _make_private(root: Path) -> None:
    if root.stat().st_mode & 0o077 == 0:
        return
    try:
        root.chmod(0o700)
    except PermissionError:
        raise ForeignDirectory(
            f"{root} can be read by others, and is not yours to close", f"Mode 0700 is needed. {ELSEWHERE}"
        ) from None


def _has_files(places: Iterable[Path]) -> bool:
    return any(not place.is_dir() or any(not each.is_dir() for each in place.rglob("*")) for place in places)
