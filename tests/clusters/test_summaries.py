"""Sums for the lists: what nothing is known of is unknown, never 0."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from controlplane.clusters.logic.summaries import total_lag

ORDERS = ("orders", 0)


@pytest.mark.parametrize(
    ("committed", "end", "lag"),
    [
        ({}, {}, None),
        ({}, {ORDERS: 9}, None),
        ({ORDERS: 4}, {}, None),
        ({ORDERS: -1}, {ORDERS: 9}, None),
        ({ORDERS: 4}, {ORDERS: 9}, 5),
        ({ORDERS: 9}, {ORDERS: 9}, 0),
        ({ORDERS: 9}, {ORDERS: 4}, 0),
    ],
)
def test_lag(
    committed: Mapping[tuple[str, int], int], end: Mapping[tuple[str, int], int], lag: int | None
) -> None:
    assert total_lag(committed, end) == lag
