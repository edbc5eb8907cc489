"""Names of a Connect worker's metrics, against the MBeans of a live 4.3.1 worker with a flow and a failed sink."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from controlplane.metrics.logic.connect import MOST_PARTITIONS, QUERIES, STEMS, samples_of_worker
from controlplane.metrics.names import Sample, is_counter

LIVE: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "jolokia-connect-4.3.1.json").read_text(encoding="utf-8")
)
SOURCE = {"source": "main", "target": "dr", "topic": "main.shop-orders"}


def named(name: str, mbeans: dict[str, dict[str, Any]] = LIVE) -> list[Sample]:
    return [sample for sample in samples_of_worker(mbeans, "dr-connect") if sample.name == name]


@pytest.mark.parametrize(
    ("name", "labels", "count"),
    [
        ("kafka_connect_worker_connector_count", {}, 1),
        ("kafka_connect_worker_connector_failed_task_count", {"connector": "file-sink"}, 5),
        ("kafka_connect_worker_rebalance_completed_rebalances_total", {}, 1),
        ("kafka_connect_worker_rebalance_time_since_last_rebalance_ms", {}, 1),
        ("kafka_connect_coordinator_assigned_tasks", {"clientid": "kastellan-connect"}, 1),
        ("kafka_connect_connector_task_running_ratio", {"connector": "file-sink", "task": "0"}, 6),
        (
            "kafka_connect_source_task_source_record_poll_total",
            {"connector": "main->dr.source", "task": "1"},
            5,
        ),
        ("kafka_connect_sink_task_sink_record_read_total", {"connector": "file-sink", "task": "0"}, 1),
        ("kafka_connect_task_error_total_record_failures", {"connector": "file-src", "task": "0"}, 6),
        ("kafka_connect_mirror_mirrorsourceconnector_record_count", {**SOURCE, "partition": "0"}, 2),
        ("kafka_connect_mirror_mirrorsourceconnector_byte_rate", {**SOURCE, "partition": "0"}, 2),
        ("kafka_connect_mirror_mirrorsourceconnector_record_age_ms", {**SOURCE, "partition": "1"}, 2),
        (
            "kafka_connect_mirror_mirrorsourceconnector_replication_latency_ms",
            {**SOURCE, "partition": "1"},
            2,
        ),
        (
            "kafka_connect_mirror_mirrorcheckpointconnector_checkpoint_latency_ms",
            {**SOURCE, "partition": "0", "group": "shop-app"},
            1,
        ),
    ],
)
def test_live_mbeans_get_the_names_of_strimzis_rules(name: str, labels: dict[str, str], count: int) -> None:
    found = [dict(sample.labels) for sample in named(name)]
    assert {**labels, "worker": "dr-connect"} in found
    assert len(found) == count


def test_the_status_of_a_task_is_a_label() -> None:
    found = {
        (dict(s.labels)["connector"], dict(s.labels)["status"]): s.value
        for s in named("kafka_connect_connector_status")
    }
    assert found["file-sink", "failed"] == 1
    assert found["main->dr.source", "running"] == 1


def test_text_null_and_what_nobody_watches_are_no_samples() -> None:
    names = {sample.name for sample in samples_of_worker(LIVE, "w")}
    assert not [
        name for name in names if name.endswith(("_class", "_version", "leader_name", "connect_protocol"))
    ]
    assert "kafka_connect_mirror_mirrorsourceconnector_record_age_ms_min" not in names
    assert "kafka_connect_source_task_source_record_poll_rate" not in names
    assert all(is_counter(name) for name in names if name.endswith(("_total", "record_count", "byte_count")))


def test_every_query_of_connect_has_a_stem() -> None:
    assert {
        query.partition("type=")[2].split(",")[0] for query in QUERIES if query.startswith("kafka")
    } == set(STEMS)


def test_the_jvm_has_the_names_of_a_brokers_and_nothing_of_the_machine() -> None:
    mbeans: dict[str, dict[str, Any]] = {
        "java.lang:type=Memory": {"HeapMemoryUsage": {"used": 5, "committed": 6, "max": 7}},
        "java.lang:type=OperatingSystem": {"ProcessCpuTime": 2e9, "CpuLoad": 0.5, "AvailableProcessors": 2},
    }
    found = {sample.name: dict(sample.labels) for sample in samples_of_worker(mbeans, "w")}
    assert found.pop("kastellan_connect_poll_left_out") == {"worker": "w"}
    assert found["jvm_memory_used_bytes"] == {"area": "heap", "worker": "w"}
    assert not [name for name in found if name.startswith(("os_", "jvm_available"))]
    assert "process_cpu_seconds_total" in found


def test_what_is_beyond_the_bound_is_counted_and_left_out() -> None:
    mbeans = {
        f"kafka.connect.mirror:type=MirrorSourceConnector,source=a,target=b,topic=t,partition={at}": {
            "record-count": 1.0
        }
        for at in range(MOST_PARTITIONS + 7)
    }
    assert len(named("kafka_connect_mirror_mirrorsourceconnector_record_count", mbeans)) == MOST_PARTITIONS
    (left,) = named("kastellan_connect_poll_left_out", mbeans)
    assert left.value == 7
