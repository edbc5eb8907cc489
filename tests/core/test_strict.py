"""What JSON an operation takes: the types and lengths that the document names."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework import serializers

from controlplane.core.strict import type_problems


class Shape(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=4, required=False)
    free = serializers.CharField(required=False)
    count = serializers.IntegerField(required=False)
    on = serializers.BooleanField(required=False)
    counts = serializers.ListField(child=serializers.IntegerField(), required=False)
    pairs = serializers.DictField(child=serializers.CharField(), required=False)


@pytest.mark.parametrize(
    ("sent", "wrong"),
    [
        ({"name": "abcd", "count": 1, "on": True, "counts": [1], "pairs": {"a": "b"}}, []),
        ({"count": "5"}, ["count"]),
        ({"count": True}, ["count"]),
        ({"on": 1}, ["on"]),
        ({"name": 5}, ["name"]),
        ({"name": None}, []),
        ({"counts": [1, "2"]}, ["counts.1"]),
        ({"pairs": {"a": 1}}, ["pairs.a"]),
        ({"other": 1}, ["other"]),
        # DRF would cut the white space off first, and take five characters where the document says four.
        ({"name": " abcd"}, ["name"]),
        ({"name": " abc"}, []),
        ({"free": " " * 1000}, []),
    ],
)
def test_what_is_not_as_the_document_says_is_named(sent: dict[str, Any], wrong: list[str]) -> None:
    assert [path for path, _ in type_problems(Shape(), sent)] == wrong


def test_a_text_that_is_too_long_without_its_white_space_is_left_to_the_field() -> None:
    assert not list(type_problems(Shape(), {"name": "abcdef"}))
    assert not Shape(data={"name": "abcdef"}).is_valid()
