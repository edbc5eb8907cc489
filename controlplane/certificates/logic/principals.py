"""`ssl.principal.mapping.rules` as Kafka's SslPrincipalMapper reads them: which `User:` a broker makes of a subject.

Rules are tried in order, the first that matches the whole name decides. Java's and Python's regular expressions agree
on what such rules use; a rule that Python cannot read gives `MappingError`, never a wrong principal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_RULE = r"(DEFAULT)|RULE:((\\.|[^\\/])*)/((\\.|[^\\/])*)/([LU]?).*?|(.*?)"
_SPLITTER = re.compile(rf"\s*({_RULE})\s*(,\s*|$)")
_PARSER = re.compile(_RULE)
_REFERENCE = re.compile(r"\$(\d+)")


class MappingError(ValueError):
    """A rule that is no rule, or a subject that no rule applies to: the broker would refuse the connection."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`pattern` None is DEFAULT: the distinguished name as it is."""

    pattern: re.Pattern[str] | None = None
    replacement: str = ""
    case: str = ""

    def apply(self, name: str) -> str | None:
        if self.pattern is None:
            return name
        if not self.pattern.fullmatch(name):
            return None
        parts = tuple(_parts(_escaped(self.replacement, self.pattern.groups), self.pattern.groups))
        mapped = self.pattern.sub(lambda found: _filled(found, parts), name)
        return mapped.lower() if self.case == "L" else mapped.upper() if self.case == "U" else mapped


def parse_rules(text: str) -> tuple[Rule, ...]:
    """Empty rules are passed over, as Kafka does."""
    pieces = [found[1] for found in _SPLITTER.finditer(text.strip())]
    return tuple(rule for rule in map(_rule, pieces) if rule is not None)


def principal_of(rules: str, subject: str) -> str:
    """`User:…` for a subject in RFC 2253 form."""
    for rule in parse_rules(rules):
        mapped = rule.apply(subject)
        if mapped is not None:
            return f"User:{mapped}"
    raise MappingError(f"no rule applies to {subject}")


def _rule(text: str) -> Rule | None:
    found = _PARSER.match(text)
    if found is None or found.end() != len(text):
        raise MappingError(f"not a rule: {text}")
    if found[1] is not None:
        return Rule()
    if found[2] is None:
        return None
    try:
        return Rule(re.compile(found[2]), found[4], found[6])
    except re.error as error:
        raise MappingError(f"not a pattern that can be read here: {found[2]}") from error


def _escaped(replacement: str, groups: int) -> str:
    """A reference to a group that does not exist is meant literally, where there are groups at all."""
    if groups == 0:
        return replacement
    value = replacement
    # Positions are those of the untouched text, also after an insertion: so does Kafka.
    for found in _REFERENCE.finditer(replacement):
        if found[1].startswith("0"):
            continue
        index = int(found[1])
        while index > groups and index >= 10:
            index //= 10
        if index > groups:
            at = found.start(1) - 1
            value = f"{value[:at]}\\{value[at:]}"
    return value


def _parts(replacement: str, groups: int) -> Iterator[str | int]:
    """Java's replacement syntax: a backslash quotes, `$1` is a group and takes further digits while such a group exists."""
    at = 0
    while at < len(replacement):
        char = replacement[at]
        at += 1
        if char not in "\\$":
            yield char
            continue
        if at == len(replacement):
            raise MappingError(f"the replacement {replacement!r} ends in the middle")
        if char == "\\":
            yield replacement[at]
            at += 1
            continue
        group, at = _group(replacement, at, groups)
        yield group


def _group(replacement: str, at: int, groups: int) -> tuple[int, int]:
    if not replacement[at].isascii() or not replacement[at].isdigit():
        raise MappingError(f"the replacement {replacement!r} has a '$' without a group")
    group, at = int(replacement[at]), at + 1
    if group > groups:
        raise MappingError(f"the pattern has no group {group}")
    while at < len(replacement) and replacement[at].isascii() and replacement[at].isdigit():
        longer = group * 10 + int(replacement[at])
        if longer > groups:
            break
        group, at = longer, at + 1
    return group, at


def _filled(found: re.Match[str], parts: tuple[str | int, ...]) -> str:
    return "".join(part if isinstance(part, str) else found[part] or "" for part in parts)
