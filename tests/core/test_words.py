"""Numbers in words: one, many, and bytes in their unit."""

from __future__ import annotations

import pytest

from controlplane.core.words import byte_size, counted, plain_number


@pytest.mark.parametrize(
    ("number", "one", "many", "words"),
    [
        (0, "topic", "", "0 topics"),
        (1, "topic", "", "1 topic"),
        (2400, "topic", "", "2,400 topics"),
        (1, "entity", "entities", "1 entity"),
        (2, "entity", "entities", "2 entities"),
    ],
)
def test_a_number_has_its_noun(number: int, one: str, many: str, words: str) -> None:
    assert counted(number, one, many) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1_234_567, "1.23 MB"),
        (-1_234_567, "-1.23 MB"),
        (5e9, "5 GB"),
        (1.5e12, "1.5 TB"),
        (2e15, "2e+03 TB"),
    ],
)
def test_bytes_have_the_unit_that_leaves_three_digits(count: float, words: str) -> None:
    assert byte_size(count) == words


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "0"),
        (3.0, "3"),
        (0.853217, "0.8532"),
        (710.1081904296875, "710.1"),
        (1234.5, "1,234"),
        (-8.76989629731018e09, "-8,769,896,297"),
        (1e-7, "1e-07"),
        (1e300, "1e+300"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
    ],
)
def test_a_number_is_read_without_counting_zeros(value: float, said: str) -> None:
    assert plain_number(value) == said
