"""The one base of what `broker` raises for people: what happened, and what to do about it."""

from __future__ import annotations


class BundledError(Exception):
    """Something about the bundled cluster could not be done."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint
