"""A webhook's own body: JSON whose texts name parts of the message, such as `"{{ title }}"`. Pure.

Names stand only within texts, so whatever an alert says, JSON comes out. A text that is one name and nothing else becomes
the value itself: `"{{ alerts }}"` is the list. Parts of objects are reached by dots: `{{ commonLabels.topic }}`; one that is
not there is empty.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from controlplane.alerts.logic.messages import Message

LONGEST, MOST_NAMES, DEEPEST = 10_000, 50, 20
LONGEST_RESULT = 1_000_000
NAME = re.compile(r"\{\{\s*([A-Za-z_][\w.]*)\s*\}\}", re.ASCII)
#: What people read, as mail and chats say it; then Alertmanager's fields.
WORDS = ("title", "text", "severity", "resolved")
FIELDS = (
    "receiver", "status", "alerts", "groupLabels", "commonLabels", "commonAnnotations", "externalURL", "groupKey",
    "truncatedAlerts", "notification_reason", "version",
)  # fmt: skip
NAMES = frozenset((*WORDS, *FIELDS))


class BadPayload(ValueError):
    """The template is none, or what it gives is too long."""


def problem(template: str) -> str:
    """What is wrong with it, in words; empty when nothing is."""
    try:
        _check(template)
    except BadPayload as error:
        return str(error)
    return ""


def _check(template: str) -> Any:
    if len(template) > LONGEST:
        raise BadPayload(f"At most {LONGEST:,} characters.")
    try:
        document = json.loads(template)
    except json.JSONDecodeError as error:
        raise BadPayload(f"No JSON: {error.msg} in line {error.lineno}, column {error.colno}.") from error
    except RecursionError as error:
        raise BadPayload("Nested too deeply.") from error
    if not isinstance(document, dict | list):
        raise BadPayload("An object or a list in JSON.")
    names: list[str] = []
    _walk(document, lambda text: _named(text, names))
    if len(names) > MOST_NAMES:
        raise BadPayload(f"At most {MOST_NAMES} names in braces.")
    return document


def _named(text: str, names: list[str]) -> str:
    rest = NAME.sub("", text)
    if "{{" in rest or "}}" in rest:
        raise BadPayload(
            "Between {{ and }} stands one name, such as {{ title }} or {{ commonLabels.topic }}."
        )
    for name in NAME.findall(text):
        if name.split(".")[0] not in NAMES:
            raise BadPayload(f"There is no {name}. Names: {', '.join((*WORDS, *FIELDS))}.")
        names.append(name)
    return text


def _walk(value: Any, change: Callable[[str], Any], depth: int = 0) -> Any:
    """The same document with every text changed; names of fields stay as they are."""
    if depth > DEEPEST:
        raise BadPayload("Nested too deeply.")
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_walk(each, change, depth + 1) for each in value]
    if isinstance(value, dict):
        return {name: _walk(each, change, depth + 1) for name, each in value.items()}
    return value


def render(template: str, body: Mapping[str, Any], message: Message) -> bytes:
    """`body` is Alertmanager's. Raises BadPayload."""
    document = _check(template)
    scope: dict[str, Any] = {
        **{name: body[name] for name in FIELDS if name in body},
        **{name: getattr(message, name) for name in WORDS},
    }
    left = LONGEST_RESULT

    def change(text: str) -> Any:
        nonlocal left
        alone = NAME.fullmatch(text)
        found = (
            _value(scope, alone[1]) if alone else NAME.sub(lambda each: _text(_value(scope, each[1])), text)
        )
        left -= len(json.dumps(found, ensure_ascii=False))
        if left < 0:
            raise BadPayload(f"The body would be longer than {LONGEST_RESULT:,} characters.")
        return found

    return json.dumps(_walk(document, change), ensure_ascii=False, separators=(",", ":")).encode()


def _value(scope: Mapping[str, Any], name: str) -> Any:
    found: Any = scope
    for part in name.split("."):
        found = found.get(part, "") if isinstance(found, Mapping) else ""
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
