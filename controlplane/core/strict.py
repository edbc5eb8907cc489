"""JSON types as the document names them. DRF would take 5 for "5", "yes" for true and true for 1; we do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rest_framework import serializers

#: First match decides. Fields that are not named take whatever their own validation takes.
JSON_TYPES: tuple[tuple[tuple[type[Any], ...], tuple[type, ...], str], ...] = (
    ((serializers.IntegerField,), (int,), "a whole number"),
    ((serializers.FloatField,), (int, float), "a number"),
    ((serializers.BooleanField,), (bool,), "true or false"),
    ((serializers.CharField, serializers.DateTimeField, serializers.UUIDField), (str,), "a string"),
)


def type_problems(field: Any, value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """(path, what is wrong) for each value of another JSON type than the field's."""
    if value is None:
        return
    if isinstance(field, (serializers.ListSerializer, serializers.ListField)):
        if isinstance(value, list):
            for index, item in enumerate(value):
                yield from type_problems(field.child, item, f"{name}.{index}")
    elif isinstance(field, serializers.DictField):
        if isinstance(value, Mapping):
            for key, item in value.items():
                yield from type_problems(field.child, item, f"{name}.{key}")
    elif isinstance(field, serializers.BaseSerializer):
        yield from _object_problems(field, value, name)
    else:
        yield from _plain_problem(field, value, name)


def _object_problems(field: Any, value: Any, name: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, Mapping):
        return
    prefix = f"{name}." if name else ""
    for key, item in value.items():
        if key in field.fields:
            yield from type_problems(field.fields[key], item, f"{prefix}{key}")
        else:
            yield f"{prefix}{key}", "There is no such field."


def _plain_problem(field: Any, value: Any, name: str) -> Iterator[tuple[str, str]]:
    for kinds, allowed, words in JSON_TYPES:
        if isinstance(field, kinds):
            is_bool = isinstance(value, bool)
            if not isinstance(value, allowed) or (is_bool and bool not in allowed):
                yield name, f"It has to be {words}."
            elif isinstance(value, str):
                yield from _length_problem(field, value, name)
            return


def _length_problem(field: Any, value: str, name: str) -> Iterator[tuple[str, str]]:
    """The document counts what was sent; DRF counts after it has cut white space off."""
    longest = getattr(field, "max_length", None)
    if longest is not None and len(value) > longest >= len(value.strip()):
        yield name, f"At most {longest} characters, white space at its ends counted."
