"""The map of clusters and flows: everything is on it, and a flow and the one back are two lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controlplane.replication.logic.drawing import BOX_H, BOX_W, draw

NAMES = st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=10, unique=True)


@given(NAMES, st.data())
def test_everything_is_on_the_map(names: list[str], data: st.DataObject) -> None:
    pair = st.tuples(st.sampled_from(names), st.sampled_from(names)).filter(lambda two: two[0] != two[1])
    flows = data.draw(st.lists(pair, unique=True, max_size=12)) if len(names) > 1 else []
    found = draw(names, flows)
    assert [node.name for node in found.nodes] == sorted(names)
    for node in found.nodes:
        assert node.left >= 0
        assert node.left + BOX_W <= found.width
        assert node.top >= 0
        assert node.top + BOX_H <= found.height
    for line in found.lines:
        assert min(line.x1, line.x2) >= 0
        assert max(line.x1, line.x2) <= found.width
    assert [(line.source, line.target) for line in found.lines] == flows


def test_two_clusters_stand_side_by_side_and_both_ways_are_seen() -> None:
    found = draw(["dr", "main"], [("dr", "main"), ("main", "dr")])
    dr, main = found.nodes
    assert dr.y == main.y
    assert dr.x < main.x
    there, back = found.lines
    assert there.y1 == there.y2 != back.y1 == back.y2
    assert dr.left + BOX_W < there.x1 < there.x2 < main.left
    assert there.label_y < there.y1 < back.y1 < back.label_y


def test_a_cluster_that_nobody_named_comes_with_its_flow() -> None:
    assert {node.name for node in draw(["main"], [("main", "far")]).nodes} == {"main", "far"}
