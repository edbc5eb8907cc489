"""Regular expressions as Prometheus and Alertmanager have them: RE2. A match takes time linear in the text, so whoever
may ask may write any of them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final, Protocol

import re2

#: Answers remembered per expression: few label values are asked about many series.
REMEMBERED: Final = 1000
#: Of one expression, compiled: many are kept at once.
MOST_BYTES: Final = 1 << 20
#: Characters that a replacement may give: a few of them, one in the other, would fill all memory.
LONGEST_RESULT: Final = 65_536
_REFERENCE: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+)|\$)", re.ASCII)


class BadRegex(ValueError):
    """An expression that cannot be used; the message says why."""


class TooLong(ValueError):
    """A replacement gave more than LONGEST_RESULT."""


class Match(Protocol):
    def __getitem__(self, group: int | str) -> str | None:
        """IndexError for a group that the expression does not have."""


class Regex:
    def __init__(self, pattern: str, *, dot_all: bool) -> None:
        options = re2.Options()
        options.dot_nl = dot_all
        options.log_errors = False
        options.max_mem = MOST_BYTES
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

    def sub(self, template: str, text: str) -> str:
        """Every match replaced by the template, see `expanded`. Raises TooLong."""
        left = [LONGEST_RESULT]

        def replaced(found: Match) -> str:
            part = expanded(template, found, most=left[0])
            left[0] -= len(part)
            return part

        found: str = self._compiled.sub(replaced, text)
        return found


@lru_cache(maxsize=256)
def compiled(pattern: str, *, dot_all: bool = False) -> Regex:
    """`dot_all`: a dot matches line ends too, as in Prometheus 3 and not in Alertmanager. Raises BadRegex."""
    return Regex(pattern, dot_all=dot_all)


def expanded(template: str, found: Match, *, most: int = LONGEST_RESULT) -> str:
    """Go's templates (regexp.Expand): `$1`, `${1}`, `$name`, `$$`; a group that is not there is empty. Raises TooLong."""
    left = [most - len(template)]

    def group(reference: re.Match[str]) -> str:
        name = reference[1] or reference[2]
        if not name:
            return "$"
        try:
            text = found[int(name) if name.isdigit() else name] or ""
        except (IndexError, KeyError):
            return ""
        left[0] -= len(text)
        if left[0] < 0:
            raise TooLong(f"more than {LONGEST_RESULT:,} characters")
        return text

    return _REFERENCE.sub(group, template)
