"""Every query of queries.txt, at two times and over a range, answered by a real Prometheus and by us alike."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from controlplane.metrics.promql import EvaluationError, PromQLError, Result, instant, ranged, to_json
from controlplane.metrics.promql.notation import Memory
from tests.metrics.promql.reference import (
    FIRST_QUESTION,
    LAST_QUESTION,
    QUERIES,
    STEP,
    ask,
    available,
    changed_since,
    difference,
    prometheus,
    samples,
)  # fmt: skip

TOLERANCE = 1e-9
INSTANTS = (FIRST_QUESTION + 7 * 60_000, FIRST_QUESTION + 93 * 60_000)
pytestmark = pytest.mark.skipif(not available(), reason="prometheus and promtool are not installed")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prometheus(tmp_path_factory.mktemp("prometheus"), samples()) as address:
        yield address


@pytest.fixture(scope="module")
def memory() -> Memory:
    return Memory(samples())


def ours(ask_us: Callable[[], Result]) -> dict[str, Any] | None:
    try:
        return dict(to_json(ask_us()))
    except (EvaluationError, PromQLError):
        return None


@pytest.mark.parametrize("query", QUERIES)
def test_it_answers_as_prometheus_does(server: str, memory: Memory, query: str) -> None:
    if reason := changed_since(query):
        pytest.skip(reason)
    for at in INSTANTS:
        theirs = ask(server, query, time=at / 1000)
        mine = ours(functools.partial(instant, query, memory, at))
        assert (mine is None) == (theirs["status"] == "error"), theirs
        if mine is not None:
            assert difference(mine, theirs["data"], ordered=query.startswith("sort")) <= TOLERANCE
    theirs = ask(server, query, start=FIRST_QUESTION / 1000, end=LAST_QUESTION / 1000, step=STEP / 1000)
    mine = ours(lambda: ranged(query, memory, FIRST_QUESTION, LAST_QUESTION, STEP))
    assert (mine is None) == (theirs["status"] == "error"), theirs
    if mine is not None:
        assert difference(mine, theirs["data"], ordered=True) <= TOLERANCE
