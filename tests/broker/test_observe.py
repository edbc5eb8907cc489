"""What a broker's log tells while it starts and stops. The lines are Kafka 4.4's own, from a clean start, a start after
kill -9 of all nodes, and a controlled shutdown.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from broker.observe import Watch
from broker.processes import LogReady, ProcessKind, ProcessSpec

METADATA = "INFO [LogLoader partition=__cluster_metadata-0, dir=/d] Recovering unflushed segment 0. 0 recovered for __cluster_metadata-0. (org.apache.kafka.storage.internals.log.LogLoader)"
CLEAN = "INFO Skipping recovery of 6 logs from /d since clean shutdown file was found (org.apache.kafka.storage.internals.log.LogManager)"
UNCLEAN = "INFO Recovering 6 logs from /d since no clean shutdown file was found (org.apache.kafka.storage.internals.log.LogManager)"
SEGMENT = "INFO [LogLoader partition=load-2, dir=/d] Recovering unflushed segment 0. 0 recovered for load-2. (org.apache.kafka.storage.internals.log.LogLoader)"
ONE_DONE = "INFO Completed load of Log(dir=/d/load-2, topicId=x, topic=load, partition=2) with 1 segments, local-log-start-offset 0 and log-end-offset 3491 in 14ms (1/6 completed in /d) (org.apache.kafka.storage.internals.log.LogManager)"
LOADED = "INFO Loaded 6 logs in 306ms (unclean log dirs = [/d]) (org.apache.kafka.storage.internals.log.LogManager)"
STARTED = "INFO [KafkaRaftServer nodeId=1] Kafka Server started (kafka.server.KafkaRaftServer)"
MOVING = "INFO [BrokerLifecycleManager id=2] The broker is in PENDING_CONTROLLED_SHUTDOWN state, still waiting for the active controller. (org.apache.kafka.server.BrokerLifecycleManager)"


def spec(log: Path) -> ProcessSpec:
    return ProcessSpec(
        "b", ProcessKind.BROKER, ("x",), {}, "/", str(log), ("x",), ready=LogReady("Kafka Server started")
    )


def append(log: Path, *lines: str) -> None:
    with log.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def test_a_clean_start_is_never_taken_for_a_recovery(tmp_path: Path) -> None:
    log = tmp_path / "b.log"
    watch = Watch(spec(log))
    for line in (METADATA, CLEAN, ONE_DONE, LOADED):
        append(log, line)
        assert watch.read(0) is False
        assert (watch.busy, watch.progress) == (False, None)
    append(log, STARTED)
    assert watch.read(0) is True


def test_a_recovery_suspends_the_deadline_and_shows_its_progress(tmp_path: Path) -> None:
    log = tmp_path / "b.log"
    watch = Watch(spec(log))
    append(log, METADATA, UNCLEAN, SEGMENT)
    watch.read(0)
    assert (watch.busy, watch.progress) == (True, "recovers its logs after an unclean stop: 6 logs")
    append(log, ONE_DONE)
    watch.read(1000)
    assert (watch.busy, watch.progress) == (True, "recovers its logs after an unclean stop: 1 of 6 logs")
    append(log, LOADED)
    watch.read(1001)
    assert (watch.busy, watch.progress) == (False, None)


def test_leaders_that_move_give_a_stop_more_time_until_the_broker_falls_silent(tmp_path: Path) -> None:
    log = tmp_path / "b.log"
    watch = Watch(spec(log))
    append(log, MOVING)
    watch.read(100)
    assert (watch.busy, watch.progress) == (True, "leaders move to other brokers")
    watch.read(111)
    assert (watch.busy, watch.progress) == (False, None)


def test_the_lines_of_an_earlier_run_do_not_count(tmp_path: Path) -> None:
    log = tmp_path / "b.log"
    append(log, UNCLEAN, STARTED)
    watch = Watch(spec(log))
    assert watch.read(0) is False
    assert not watch.busy


def test_an_adopted_broker_that_was_starting_is_told_by_what_it_wrote_before(tmp_path: Path) -> None:
    assert Watch(spec(tmp_path / "b.log"), [UNCLEAN, LOADED, STARTED]).read(0) is True


def test_the_logs_of_other_programs_are_read_for_readiness_only(tmp_path: Path) -> None:
    log = tmp_path / "b.log"
    watch = Watch(replace(spec(log), kind=ProcessKind.WORKER, ready=LogReady("ready")))
    append(log, UNCLEAN, "worker ready")
    assert watch.read(0) is True
    assert not watch.busy
