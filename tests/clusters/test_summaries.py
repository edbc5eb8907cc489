"""Sums for the lists: what nothing is known of is unknown, never 0."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from controlplane.clusters.logic.summaries import BrokerDisk, broker_disks, total_lag
from controlplane.clusters.models import Cluster
from controlplane.clusters.selectors import first_of
from controlplane.gateways.kafka.types import LogDir

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


def test_a_directory_that_kafka_has_given_up_is_named_and_leaves_the_volume_unknown() -> None:
    fine = LogDir("/a", 1, 100, 40, "", ())
    lost = LogDir("/b", 1, None, None, "The log directory is offline", ())
    assert broker_disks([lost, fine]) == {1: BrokerDisk(0, None, None, ("/b",))}
    assert broker_disks([fine]) == {1: BrokerDisk(0, 100, 40)}


def test_the_installations_own_cluster_comes_first() -> None:
    own, other = Cluster(name="main"), Cluster(name="dr")
    assert first_of([other, own]) is own
    assert first_of([other]) is other
    assert first_of([]) is None
