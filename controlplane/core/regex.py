"""Regular expressions as Prometheus and Alertmanager have them: RE2. A match takes time linear in the text, so whoever
may ask may write any of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, Protocol

import re2

#: Answers remembered per expression: few label values are asked about many series.
REMEMBERED: Final = 10_000
_REFERENCE: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+)|\$)", re.ASCII)


class BadRegex(ValueError):
    """An expression that cannot be used; the message says why."""


class Match(Protocol):
    def __getitem__(self, group: int | str) -> str | None:
        """IndexError for a group that the expression does not have."""


class Regex:
    def __init__(self, pattern: str, *, dot_all: bool) -> None:
        options = re2.Options()
        options.dot_nl = dot_all
        options.log_errors = False
        try:
            self._compiled: Any = re2.compile(pattern, options)
        except re2.error as error:
            what = error.args[0]
            text = what.decode(errors="replace") if isinstance(what, bytes) else str(what)
            raise BadRegex(f"regular expression {pattern!r}: {text}") from error
        self._answers: dict[str, bool] = {}

    def matches(self, text: str) -> bool:
        """The whole text: expressions are anchored on both sides."""
        known = self._answers.get(text)
        if known is None:
            if len(self._answers) >= REMEMBERED:
                self._answers.clear()
            known = self._answers[text] = self.fullmatch(text) is not None
        return known

    def fullmatch(self, text: str) -> Match | None:
        found: Match | None = self._compiled.fullmatch(text)
        return found

    def found_in(self, text: str) -> bool:
        return self._compiled.search(text) is not None

    def sub(self, replacement: Callable[[Match], str], text: str) -> str:
        found: str = self._compiled.sub(replacement, text)
        return found


@lru_cache(maxsize=2048)
def compiled(pattern: str, *, dot_all: bool = False) -> Regex:
    """`dot_all`: a dot matches line ends too, as in Prometheus 3 and not in Alertmanager. Raises BadRegex."""
    return Regex(pattern, dot_all=dot_all)


def expanded(template: str, found: Match) -> str:
    """Go's templates (regexp.Expand): `$1`, `${1}`, `$name`, `$$`; a group that is not there is empty."""

    def group(reference: re.Match[str]) -> str:
        name = reference[1] or reference[2]
        if not name:
            return "$"
        try:
            return found[int(name) if name.isdigit() else name] or ""
        except (IndexError, KeyError):
            return ""

    return _REFERENCE.sub(group, template)
