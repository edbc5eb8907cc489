"""Limits as people write and read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.quotas.logic.entities import BY_NAME, KEYS, QuotaKey
from controlplane.quotas.logic.units import exact, human, parse, raw

BYTES, PERCENT, MUTATIONS = (
    BY_NAME[name] for name in ("producer_byte_rate", "request_percentage", "controller_mutation_rate")
)


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("10 MB/s", BYTES, 10e6),
        ("10MB", BYTES, 10e6),
        ("1.5 GB/s", BYTES, 1.5e9),
        ("1,5 MB/s", BYTES, 1.5e6),
        ("500 kB/s", BYTES, 500e3),
        ("500k", BYTES, 500e3),
        ("1 MiB/s", BYTES, 2.0**20),
        ("1234567", BYTES, 1234567.0),
        ("1_000_000", BYTES, 1e6),
        ("  7 B/s ", BYTES, 7.0),
        ("50 %", PERCENT, 50.0),
        ("50", PERCENT, 50.0),
        ("12.5%", PERCENT, 12.5),
        ("5 /s", MUTATIONS, 5.0),
        ("0.5/s", MUTATIONS, 0.5),
        ("2k", MUTATIONS, 2000.0),
        ("", BYTES, None),
        ("fast", BYTES, None),
        ("-1 MB/s", BYTES, None),
        ("10 MB/min", BYTES, None),
        ("50 %", BYTES, None),
        ("10 MB", PERCENT, None),
        ("5 B/s", MUTATIONS, None),
        ("nan", BYTES, None),
        ("1e400", PERCENT, None),
        ("1e300 MB", BYTES, 1e306),
        ("1e306 MB", BYTES, None),
    ],
)
def test_a_limit_is_read(text: str, key: QuotaKey, value: float | None) -> None:
    assert parse(text, key) == value


@pytest.mark.parametrize(
    ("value", "key", "shown"),
    [
        (10e6, BYTES, "10 MB/s"),
        (1234567, BYTES, "1.23 MB/s"),
        (999_999, BYTES, "1 MB/s"),
        (999, BYTES, "999 B/s"),
        (1e15, BYTES, "1 PB/s"),
        (50, PERCENT, "50 %"),
        (2.5, MUTATIONS, "2.5/s"),
    ],
)
def test_a_limit_is_shown(value: float, key: QuotaKey, shown: str) -> None:
    assert human(value, key) == shown


@given(st.integers(1, 2**53), st.sampled_from(KEYS))
def test_what_a_form_shows_is_read_back_as_the_very_same(value: int, key: QuotaKey) -> None:
    assert parse(exact(float(value), key), key) == float(value)


@given(st.floats(1e-3, 1e9), st.sampled_from([PERCENT, MUTATIONS]))
def test_fractions_survive_too(value: float, key: QuotaKey) -> None:
    assert parse(exact(value, key), key) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(("value", "text"), [(1e6, "1000000"), (2.5, "2.5")])
def test_kafkas_tools_get_the_bare_number(value: float, text: str) -> None:
    assert raw(value) == text
