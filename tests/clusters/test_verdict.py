"""The sentence on the dashboard and in the API, and what stands below it: from states to words, by table."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from controlplane.alerts.shipped_rules import RULES
from controlplane.clusters.logic.conditions import (
    DEAD,
    BrokerNow,
    Condition,
    Ended,
    Process,
    condition_of,
)
from controlplane.clusters.logic.verdict import (
    LOST_DIRECTORY,
    SAID_ANYHOW,
    UNSUPERVISED,
    Alarm,
    ClusterNow,
    Line,
    Link,
    Tone,
    Work,
    judge,
    span,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KILLED = "It was killed by SIGKILL; Kastellan did not send it."
C = Condition


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def up(broker: int) -> BrokerNow:
    return BrokerNow(broker, C.UP, Process("RUNNING", ago(3600)), replicas=14, leaders=5)


def crashed(broker: int, *, next_in: float | None = 3, fenced: bool = True) -> BrokerNow:
    state = "STARTING" if next_in is None else "BACKOFF"
    wake = None if next_in is None else ago(-next_in)
    process = Process(state, ago(12), KILLED, ended=Ended(ago(12), KILLED, 1, 4, wake))
    return replace(up(broker), condition=C.CRASHED, process=process, fenced=fenced)


def away(broker: int, condition: Condition, why: str = "", hint: str = "", **fields: object) -> BrokerNow:
    process = Process(condition.value.upper(), ago(300), why, hint)
    return replace(up(broker), condition=condition, process=process, fenced=True, **fields)  # type: ignore[arg-type]


FINE = ClusterNow((up(1), up(2), up(3)), 1, 0, 0, 0, ago(5))
ROLL = Work("Rolling restart of Main", "ada", "j1", done=1, total=3)


def with_broker(state: ClusterNow, broker: BrokerNow) -> ClusterNow:
    return replace(state, brokers=tuple(broker if each.id == broker.id else each for each in state.brokers))


@pytest.mark.parametrize(
    ("state", "tone", "sentence"),
    [
        (FINE, Tone.OK, "All 3 brokers are up and every replica is in sync."),
        (replace(FINE, brokers=(up(1),)), Tone.OK, "The broker is up and every partition is served."),
        (
            with_broker(FINE, crashed(2)),
            Tone.WARN,
            "Broker 2 went down 12 s ago: it was killed by SIGKILL. Restart 1 of 4 in 3 s.",
        ),
        (
            with_broker(FINE, crashed(2, next_in=0.4)),
            Tone.WARN,
            "Broker 2 went down 12 s ago: it was killed by SIGKILL. Restart 1 of 4 now.",
        ),
        (
            with_broker(FINE, crashed(2, next_in=None)),
            Tone.WARN,
            "Broker 2 went down 12 s ago: it was killed by SIGKILL. It is starting now: restart 1 of 4.",
        ),
        (
            with_broker(FINE, away(2, C.GIVEN_UP, "Port 19092 is taken.", "Free it.")),
            Tone.CRITICAL,
            "Broker 2 cannot run: Port 19092 is taken.",
        ),
        (
            with_broker(FINE, away(2, C.OUT_OF_DISK, "The disk is full (/data/2).", "Enlarge it.")),
            Tone.CRITICAL,
            "Broker 2 cannot run: The disk is full (/data/2).",
        ),
        (
            with_broker(FINE, replace(up(2), offline_dirs=("/b",))),
            Tone.CRITICAL,
            "Broker 2 has lost the log directory /b: offline.",
        ),
        (
            with_broker(FINE, away(2, C.STOPPED, stopped_by="ada")),
            Tone.WARN,
            "Broker 2 was stopped 5 min ago by ada. It stays so until somebody starts it.",
        ),
        (with_broker(FINE, away(2, C.STARTING)), Tone.INFO, "Broker 2 is starting."),
        (
            with_broker(FINE, away(2, C.RETURNING)),
            Tone.WARN,
            "Broker 2 runs again; the cluster takes it back in.",
        ),
        (
            with_broker(FINE, away(2, C.SILENT)),
            Tone.WARN,
            "Broker 2 does not answer: its process runs, and Kafka gets no heartbeat from it.",
        ),
        (
            with_broker(FINE, replace(away(2, C.DOWN), process=None)),
            Tone.WARN,
            "Broker 2 is down: Kafka gets no heartbeat from it.",
        ),
        (replace(FINE, supervised=False), Tone.WARN, UNSUPERVISED),
        (
            replace(FINE, under_replicated=1),
            Tone.WARN,
            "1 partition under-replicated: replicas catch up.",
        ),
        (
            replace(FINE, under_min_isr=4, under_replicated=8),
            Tone.CRITICAL,
            "4 partitions below min ISR: acks=all writes fail there.",
        ),
        (
            replace(FINE, leaderless=2, under_min_isr=2),
            Tone.CRITICAL,
            "2 partitions offline: no reads, no writes.",
        ),
        (replace(FINE, controller=None), Tone.CRITICAL, "No active controller: nothing can change."),
        (replace(FINE, read_at=None, error="refused"), Tone.UNKNOWN, "Kafka's state is unknown"),
        (replace(FINE, read_at=ago(300)), Tone.UNKNOWN, "Kafka's state is unknown"),
        (
            replace(FINE, brokers=(crashed(1), crashed(2), crashed(3)), read_at=ago(300)),
            Tone.CRITICAL,
            "No broker runs: nothing can be read or written.",
        ),
    ],
)
def test_the_worst_finding_is_the_sentence(state: ClusterNow, tone: Tone, sentence: str) -> None:
    verdict = judge(state, NOW)
    assert (verdict.tone, verdict.sentence) == (tone, sentence)


def test_a_dead_broker_is_told_with_its_partitions_and_what_producers_notice() -> None:
    verdict = judge(replace(with_broker(FINE, crashed(2)), under_replicated=14), NOW)
    assert [(line.text, line.link) for line in verdict.reasons] == [
        ("14 partitions under-replicated; none offline.", Link.UNDER_REPLICATED),
        ("Producers with acks=all still work: no partition is below its min.insync.replicas.", None),
    ]
    assert (verdict.headline.link, verdict.headline.key) == (Link.BROKER, "2")


def test_a_lost_directory_is_told_with_what_to_do_unless_its_broker_does_not_run() -> None:
    lost = with_broker(FINE, replace(up(2), offline_dirs=("/b", "/c")))
    verdict = judge(lost, NOW)
    assert verdict.headline == Line(
        "Broker 2 has lost the log directories /b, /c: offline.", Link.LOG_DIRS, "2"
    )
    assert Line(LOST_DIRECTORY) in verdict.reasons
    dead = with_broker(FINE, replace(crashed(2), offline_dirs=("/b",)))
    assert "/b" not in str(judge(dead, NOW))


def test_a_broker_that_was_given_up_is_told_with_what_to_do() -> None:
    broker = away(2, C.GIVEN_UP, "Port 19092 is taken.", "Free it, then start the broker.")
    verdict = judge(replace(with_broker(FINE, broker), under_replicated=14), NOW)
    assert [(line.text, line.key) for line in verdict.reasons][:2] == [
        ("Free it, then start the broker.", "2"),
        ("14 partitions under-replicated; none offline.", ""),
    ]


def test_until_kafka_notices_its_counts_are_not_told_as_present() -> None:
    verdict = judge(with_broker(FINE, crashed(2, fenced=False)), NOW)
    assert [line.text for line in verdict.reasons] == [
        "Kafka has not noticed yet (it waits 9 s for a heartbeat): its 5 leaders move then, and "
        "14 partitions become under-replicated."
    ]


@pytest.mark.parametrize(
    ("state", "tone", "sentence"),
    [
        (FINE, Tone.INFO, "Rolling restart of Main: broker 2 of 3 (by ada)."),
        (
            replace(with_broker(FINE, away(2, C.STOPPING)), under_replicated=14),
            Tone.INFO,
            "Rolling restart of Main: broker 2 of 3 (by ada).",
        ),
        (
            with_broker(FINE, away(2, C.RETURNING)),
            Tone.INFO,
            "Rolling restart of Main: broker 2 of 3 (by ada).",
        ),
        (replace(FINE, controller=None), Tone.INFO, "Rolling restart of Main: broker 2 of 3 (by ada)."),
        (
            replace(with_broker(FINE, away(2, C.STARTING)), under_min_isr=3),
            Tone.CRITICAL,
            "3 partitions below min ISR: acks=all writes fail there.",
        ),
        (
            replace(with_broker(FINE, away(2, C.STARTING)), leaderless=3),
            Tone.CRITICAL,
            "3 partitions offline: no reads, no writes.",
        ),
        (
            with_broker(with_broker(FINE, away(2, C.RETURNING)), away(3, C.RETURNING)),
            Tone.WARN,
            "Broker 2 runs again; the cluster takes it back in.",
        ),
        (
            with_broker(FINE, away(2, C.GIVEN_UP, "Its log directory is unreadable.")),
            Tone.CRITICAL,
            "Broker 2 cannot run: Its log directory is unreadable.",
        ),
    ],
)
def test_planned_work_is_no_outage_unless_more_is_wrong_than_expected(
    state: ClusterNow, tone: Tone, sentence: str
) -> None:
    verdict = judge(replace(state, work=ROLL), NOW)
    assert (verdict.tone, verdict.sentence) == (tone, sentence)
    if tone is not Tone.INFO:
        assert "Rolling restart of Main: broker 2 of 3 (by ada)." in [line.text for line in verdict.reasons]


def test_planned_work_says_what_is_expected_and_links_its_job() -> None:
    state = replace(with_broker(FINE, away(2, C.STARTING)), under_replicated=14, work=ROLL)
    verdict = judge(state, NOW)
    assert (verdict.headline.link, verdict.headline.key) == (Link.JOB, "j1")
    assert [line.text for line in verdict.reasons] == [
        "Broker 2 is starting.",
        "14 partitions under-replicated, as expected.",
        "Producers with acks=all still work: no partition is below its min.insync.replicas.",
    ]


def test_a_stop_of_one_broker_does_not_excuse_another() -> None:
    work = Work("Restart broker 2", "ada", "j1", broker=2)
    excused = judge(replace(with_broker(FINE, away(2, C.STOPPING)), work=work), NOW)
    other = judge(replace(with_broker(FINE, away(3, C.RETURNING)), work=work), NOW)
    assert (excused.tone, excused.sentence) == (Tone.INFO, "Restart broker 2 (by ada).")
    assert other.tone is Tone.WARN


def test_work_from_a_command_line_has_no_job_to_link() -> None:
    verdict = judge(replace(FINE, work=Work("`python -m broker roll`")), NOW)
    assert (verdict.sentence, verdict.headline.link) == ("`python -m broker roll`.", None)


def test_a_stale_snapshot_is_never_called_fine_and_never_called_current() -> None:
    verdict = judge(replace(with_broker(FINE, crashed(2)), leaderless=3, read_at=ago(300)), NOW)
    texts = [line.text for line in verdict.reasons]
    assert verdict.tone is Tone.UNKNOWN
    assert texts[1].startswith("Broker 2 went down")  # the supervisor knows that now
    assert texts[2] == "Last known: 3 partitions offline: no reads, no writes."


@pytest.mark.parametrize(
    ("process", "fenced", "condition"),
    [
        (None, False, C.UP),
        (None, True, C.DOWN),
        (Process("RUNNING"), False, C.UP),
        (Process("RUNNING"), True, C.RETURNING),
        (Process("RUNNING", since=NOW - timedelta(seconds=59)), True, C.RETURNING),
        (Process("RUNNING", since=NOW - timedelta(seconds=61)), True, C.SILENT),
        (Process("RUNNING", since=NOW - timedelta(days=1)), False, C.UP),
        (Process("STARTING"), True, C.STARTING),
        (Process("STARTING", ended=Ended(NOW, KILLED, 1, 4)), True, C.CRASHED),
        (Process("BACKOFF"), False, C.CRASHED),
        (Process("EXITED"), False, C.CRASHED),
        (Process("FATAL"), False, C.GIVEN_UP),
        (Process("STOPPED"), False, C.STOPPED),
        (Process("STOPPING"), False, C.STOPPING),
    ],
)
def test_one_word_for_what_supervisor_and_kafka_say(
    process: Process | None, fenced: bool, condition: Condition
) -> None:
    assert condition_of(process, NOW, fenced=fenced) is condition


def test_only_the_dead_can_be_unnoticed() -> None:
    for condition in Condition:
        assert BrokerNow(1, condition).unnoticed is (condition in DEAD)
        assert not BrokerNow(1, condition, fenced=True).unnoticed


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0 s"), (12, "12 s"), (300, "5 min"), (7200, "2 h"), (259_200, "3 days")]
)
def test_spans(seconds: float, text: str) -> None:
    assert span(timedelta(seconds=seconds)) == text


LATE = Alarm("ConsumerGroupLate", "warning", "Group steady is 6 min behind", ago(400), "a1")
STALLED = Alarm("ConsumerGroupStalled", "critical", "Group steady does not commit.", ago(60), "a2")
DOWN = Alarm("BrokerDown", "critical", "Broker 2 of main is not reached", ago(40), "a3")


@pytest.mark.parametrize(
    ("state", "tone", "sentence", "link"),
    [
        (replace(FINE, alarms=(LATE,)), Tone.WARN, "Group steady is 6 min behind, since 7 min.", Link.ALERT),
        (
            replace(FINE, alarms=(LATE, STALLED)),
            Tone.CRITICAL,
            "Group steady does not commit, since 1 min.",
            Link.ALERT,
        ),
        # Nothing else knows of it: the agent of a broker that Kafka hears hangs.
        (
            replace(FINE, alarms=(DOWN,)),
            Tone.CRITICAL,
            "Broker 2 of main is not reached, since 40 s.",
            Link.ALERT,
        ),
        (
            replace(with_broker(FINE, away(2, C.SILENT)), alarms=(DOWN, LATE)),
            Tone.WARN,
            "Broker 2 does not answer: its process runs, and Kafka gets no heartbeat from it.",
            Link.BROKER,
        ),
        (
            replace(with_broker(FINE, away(2, C.SILENT)), alarms=(DOWN, STALLED)),
            Tone.CRITICAL,
            "Group steady does not commit, since 1 min.",
            Link.ALERT,
        ),
        (replace(FINE, work=ROLL, alarms=(DOWN,)), Tone.INFO, "Rolling restart of Main: broker 2 of 3 (by ada).", Link.JOB),
        (replace(FINE, alarms=(replace(LATE, severity="info"),)), Tone.OK, "All 3 brokers are up and every replica is in sync.", None),
    ],
)  # fmt: skip
def test_a_rule_that_fires_is_a_finding_unless_it_is_known_anyhow(
    state: ClusterNow, tone: Tone, sentence: str, link: Link | None
) -> None:
    found = judge(state, NOW)
    assert (found.tone, found.sentence, found.headline.link) == (tone, sentence, link)


def test_rules_that_say_what_is_known_anyhow_exist() -> None:
    assert {rule.name for rule in RULES} | {"BrokerHeartbeatStale"} >= SAID_ANYHOW
