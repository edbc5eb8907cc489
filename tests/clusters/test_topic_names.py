from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.clusters.logic.topic_names import LEGAL, MAX_LENGTH, check_name, collision


@pytest.mark.parametrize("name", ["orders", "a", "A-b_c.9", "x" * MAX_LENGTH, "...", "__mine"])
def test_it_accepts_what_kafka_accepts(name: str) -> None:
    assert check_name(name) is None


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "name_empty"),
        (".", "name_illegal"),
        ("..", "name_illegal"),
        ("a b", "name_illegal"),
        ("a/b", "name_illegal"),
        ("ärger", "name_illegal"),
        ("a\n", "name_illegal"),
        ("x" * (MAX_LENGTH + 1), "name_too_long"),
        ("__consumer_offsets", "name_reserved"),
    ],
)
def test_it_refuses_with_a_reason_what_kafka_refuses(name: str, code: str) -> None:
    refusal = check_name(name)
    assert refusal is not None
    assert refusal.code == code
    assert refusal.what
    assert refusal.hint


@given(st.text(max_size=300))
def test_an_accepted_name_is_always_legal_for_a_directory(name: str) -> None:
    if check_name(name) is None:
        assert LEGAL.fullmatch(name)
        assert name not in (".", "..")
        assert len(name) <= MAX_LENGTH


@pytest.mark.parametrize(
    ("name", "existing", "expected"),
    [
        ("a.b", {"a_b"}, "a_b"),
        ("a_b", {"a.b"}, "a.b"),
        ("a.b", {"a.b"}, None),
        ("a.b", {"a-b", "ab"}, None),
        ("a.b_c", {"a_b.c"}, "a_b.c"),
    ],
)
def test_names_collide_when_they_differ_only_in_dot_and_underscore(
    name: str, existing: set[str], expected: str | None
) -> None:
    assert collision(name, existing) == expected
