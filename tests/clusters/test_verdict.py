from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from controlplane.clusters.logic.verdict import ClusterNow, Tone, judge

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
FINE = ClusterNow(3, (), (), 1, 0, 0, 0, NOW - timedelta(seconds=5))


@pytest.mark.parametrize(
    ("state", "tone", "word"),
    [
        (FINE, Tone.OK, "All 3 brokers"),
        (replace(FINE, brokers=1), Tone.OK, "The broker is up"),
        (replace(FINE, down=(2,)), Tone.WARN, "Broker 2 down"),
        (replace(FINE, down=(2, 3)), Tone.WARN, "Brokers 2, 3 down"),
        (
            replace(FINE, down=(2,), fatal=((2, "port taken"),)),
            Tone.CRITICAL,
            "Broker 2 cannot run: port taken",
        ),
        (replace(FINE, supervised=False), Tone.WARN, "The supervisor does not run"),
        (replace(FINE, out_of_sync=1), Tone.WARN, "1 replica out of sync"),
        (replace(FINE, under_min_isr=4, out_of_sync=8), Tone.CRITICAL, "4 partitions below min ISR"),
        (replace(FINE, leaderless=2, under_min_isr=2), Tone.CRITICAL, "2 partitions offline"),
        (replace(FINE, controller=None), Tone.CRITICAL, "No active controller"),
        (replace(FINE, read_at=None, error="refused"), Tone.UNKNOWN, "unknown"),
        (replace(FINE, read_at=NOW - timedelta(minutes=5)), Tone.UNKNOWN, "unknown"),
    ],
)
def test_the_worst_finding_is_the_sentence(state: ClusterNow, tone: Tone, word: str) -> None:
    verdict = judge(state, NOW)
    assert verdict.tone is tone
    assert word in verdict.sentence


def test_a_stale_snapshot_is_never_called_fine_and_never_called_current() -> None:
    verdict = judge(replace(FINE, leaderless=3, read_at=NOW - timedelta(minutes=5)), NOW)
    assert verdict.tone is Tone.UNKNOWN
    assert any(reason.startswith("Last known: 3 partitions offline") for reason in verdict.reasons)


def test_other_findings_stay_visible_as_reasons() -> None:
    verdict = judge(replace(FINE, leaderless=1, down=(3,)), NOW)
    assert verdict.reasons == ("Broker 3 down; the others serve.",)
