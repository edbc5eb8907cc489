"""What `python -m broker` does, one function per command; talks to people on standard output."""

from __future__ import annotations

import argparse

from broker.paths import DataPaths


class Failed(Exception):
    """A command could not do what was asked."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint


def up(paths: DataPaths, arguments: argparse.Namespace) -> None: ...


def down(paths: DataPaths, arguments: argparse.Namespace) -> None: ...


def status(paths: DataPaths, arguments: argparse.Namespace) -> None: ...


def logs(paths: DataPaths, arguments: argparse.Namespace) -> None: ...


def roll(paths: DataPaths, arguments: argparse.Namespace) -> None: ...
