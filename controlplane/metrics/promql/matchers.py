"""Which label values a matcher lets through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from controlplane.core.regex import Regex, compiled

MatchOp = Literal["=", "!=", "=~", "!~"]


@dataclass(frozen=True, slots=True)
class Matcher:
    name: str
    op: MatchOp
    value: str

    def matches(self, value: str) -> bool:
        """The empty value is that of a label which is not there."""
        if self.op in ("=", "!="):
            return (value == self.value) == (self.op == "=")
        return anchored(self.value).matches(value) == (self.op == "=~")

    def __str__(self) -> str:
        return f'{self.name}{self.op}"{self.value}"'


def chosen(matchers: tuple[Matcher, ...]) -> tuple[str | None, Callable[[Mapping[str, str]], bool]]:
    """For a source of series: the metric's name where it is given, and whether labels pass."""
    name = next((each.value for each in matchers if each.name == "__name__" and each.op == "="), None)

    def passes(labels: Mapping[str, str]) -> bool:
        return all(each.matches(labels.get(each.name, "")) for each in matchers)

    return name, passes


def anchored(pattern: str) -> Regex:
    """A dot matches line ends too, as in Prometheus 3. Raises BadRegex."""
    return compiled(pattern, dot_all=True)
