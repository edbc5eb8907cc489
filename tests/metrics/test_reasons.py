"""A dash says why: not asked, not answered, or nothing to measure."""

from __future__ import annotations

import pytest
from django.template.loader import render_to_string

from controlplane.metrics.logic.reasons import why_unknown
from controlplane.metrics.selectors import Health, Reading
from controlplane.metrics.templatetags.metric_charts import explained

NONE, TWO = Reading(None, {}), Reading(2.0, {"1": 2.0})


@pytest.mark.parametrize(
    ("figure", "brokers", "silent", "said"),
    [
        ("produce_p99", 0, 0, "Not polled in the last minute"),
        ("produce_p99", 1, 1, "The broker does not answer"),
        ("fetch_p99", 3, 3, "No broker answers"),
        ("produce_p99", 3, 1, "No produce request since the broker started"),
        ("fetch_p99", 1, 0, "No fetch of a consumer"),
        ("bytes_in", 3, 0, "A rate needs two polls"),
        ("heap", 3, 0, "do not give this figure"),
    ],
)
def test_the_reason(figure: str, brokers: int, silent: int, said: str) -> None:
    assert said in why_unknown(figure, brokers=brokers, silent=silent)


def test_a_tile_shows_its_own_reason() -> None:
    health = Health(TWO, NONE, *(TWO,) * 2, NONE, *(TWO,) * 7, brokers=("1",), silent=())
    found = explained(health)
    assert found["bytes_in"].reason == ""
    tile = {"label": "Fetch p99", "kind": "ms", "reading": NONE, "reason": found["fetch_p99"].reason}
    assert 'title="No fetch of a consumer since the broker started"' in render_to_string(
        "metrics/tile.html", tile
    )
