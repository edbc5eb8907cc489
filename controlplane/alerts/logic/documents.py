"""YAML as people paste it: read safely, bounded, and written so that Go's tools read it the same. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

#: The reader is slow, and anybody may ask it.
LONGEST = 200_000


class BadDocument(ValueError):
    """The text is not what was asked for; the message says where."""


class _Loader(yaml.SafeLoader):
    """No aliases: a few lines of them become gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise BadDocument("Aliases (*name) are not taken")
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "tag", None) not in (None, "!"):
            raise BadDocument("Tags (!!name) are not taken")
        return super().compose_node(parent, index)


# As Go's yaml reads scalars: no dates, `no` is a text, and 09:30 is not a number to the base of sixty.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag.rpartition(":")[2] in ("null", "merge")]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _kind, _pattern, _first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("int", r"^[-+]?[0-9]{1,40}$", "-+0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(_pattern), list(_first))


def read(text: str) -> Any:
    if len(text) > LONGEST:
        raise BadDocument(f"At most {LONGEST:,} characters")
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506  # nosec B506  # a safe loader, stricter than the usual one
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise BadDocument(f"Not YAML: {error.problem}{place}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadDocument(str(error) or "Not YAML") from error


def write(document: Mapping[str, Any]) -> str:
    text: str = yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=1000)
    return text


def mapping(value: Any, what: str, fields: frozenset[str]) -> Mapping[str, Any]:
    """An object with no field but these."""
    if not isinstance(value, Mapping):
        raise BadDocument(f"{what} is an object")
    unknown = sorted(str(name) for name in value if name not in fields)
    if unknown:
        raise BadDocument(f"{what} has no field {unknown[0]!r}; it has {', '.join(sorted(fields))}")
    return value


def listed(value: Any, what: str, most: int) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > most:
        raise BadDocument(f"{what} is a list of at most {most:,}")
    return value


def texts(value: Any, what: str) -> dict[str, str]:
    """Labels or annotations. Numbers and truths are taken as Go's reader takes them: by their text."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise BadDocument(f"{what} is an object of texts")
    found: dict[str, str] = {}
    for name, each in value.items():
        if not isinstance(each, (str, int, float)) and each is not None:
            raise BadDocument(f"{what}.{name} is a text")
        found[str(name)] = str(each).lower() if isinstance(each, bool) else "" if each is None else str(each)
    return found


def text(value: Any, what: str, default: str | None = None) -> str:
    if value is None and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise BadDocument(f"{what} is a text")
    return str(value)
