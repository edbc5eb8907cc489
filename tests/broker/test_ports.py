"""Blocks of ports: the first free one, and what was in the way."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.ports import PER_NODE, NoFreePorts, first_free_block, is_free, listeners, node_ports


@pytest.mark.parametrize(
    ("taken", "start", "obstacle"),
    [
        (set(), 19092, None),
        ({19091, 19097, 19122}, 19092, None),
        ({19092}, 19192, 19092),
        ({19116}, 19192, 19116),
        ({19092, 19200}, 19192, 19092),
        ({19093, 19204}, 19292, 19093),
    ],
)
def test_the_first_free_block_is_found_and_the_obstacle_named(
    taken: set[int], start: int, obstacle: int | None
) -> None:
    assert first_free_block(19092, 3, taken, lambda _: True) == (start, obstacle)
    assert first_free_block(19092, 3, (), lambda port: port not in taken) == (start, obstacle)


@given(taken=st.sets(st.integers(19092, 19992), max_size=40), nodes=st.integers(1, 9))
def test_no_port_of_the_block_is_ever_taken(taken: set[int], nodes: int) -> None:
    start, _ = first_free_block(19092, nodes, taken, lambda _: True)
    block = {port for index in range(nodes) for port in node_ports(start + index * PER_NODE)}
    assert not block & taken


def test_when_everything_is_taken_it_says_so() -> None:
    with pytest.raises(NoFreePorts):
        first_free_block(19092, 3, (), lambda _: False)


def test_a_port_that_somebody_listens_on_is_not_free() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert not is_free("127.0.0.1", port)
    assert is_free("127.0.0.1", port)


def test_a_node_has_four_listeners_within_its_ten_ports() -> None:
    found = listeners("127.0.0.1", 19092)
    assert {item.name for item in found} == {"CONTROLLER", "INTERNAL", "SSL", "SASL_SSL"}
    assert {item.port for item in found} < set(node_ports(19092)) < set(range(19092, 19092 + PER_NODE))
