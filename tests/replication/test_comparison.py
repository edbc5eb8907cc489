"""What is missing in a copy: by content, counted, with the place in the source."""

from __future__ import annotations

from collections import Counter

import pytest

from controlplane.gateways.kafka.types import Record, TimestampType
from controlplane.replication.logic.comparison import Comparison, difference, fingerprint


def record(offset: int, value: str) -> Record:
    return Record(0, offset, 1_700_000_000_000, TimestampType.CREATE_TIME, b"k", value.encode())


@pytest.mark.parametrize(
    ("here", "there", "missing"),
    [
        ("abc", "abc", ()),
        ("abc", "xabcy", ()),
        ("abc", "ac", (11,)),
        # Copied twice is no difference, one of two that are alike is.
        ("ab", "aab", ()),
        ("aab", "ab", (11,)),
        ("", "ab", ()),
    ],
)
def test_what_is_missing(here: str, there: str, missing: tuple[int, ...]) -> None:
    ours = [record(10 + index, value) for index, value in enumerate(here)]
    theirs = Counter(fingerprint(record(900 + index, value)) for index, value in enumerate(there))
    found = difference("orders", 0, ours, theirs)
    assert (found.compared, found.missing) == (len(here), missing)
    evidence = Comparison((found,)).evidence()
    assert evidence["missing_records"] == [f"orders-0 offset {offset}" for offset in missing]
