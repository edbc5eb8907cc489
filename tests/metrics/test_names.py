"""Against answers that a live 4.4.0 broker gave (jolokia-4.4.0.json), and by table for what is awkward."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from controlplane.metrics.clients import MOST_PER_KIND, bounded
from controlplane.metrics.names import QUERIES, Sample, encoded_user, is_counter, parse_keys, samples_of

LIVE: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "jolokia-4.4.0.json").read_text(encoding="utf-8")
)


def named(name: str) -> list[Sample]:
    return [sample for sample in samples_of(LIVE) if sample.name == name]


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("kafka_server_brokertopicmetrics_bytesin_total", {}),
        ("kafka_server_replicamanager_underreplicatedpartitions", {}),
        ("kafka_network_socketserver_networkprocessoravgidle_percent", {}),
        ("kafka_server_kafkarequesthandlerpool_brokerrequesthandleravgidle_percent", {}),
        ("kafka_server_kafkarequesthandlerpool_brokerrequesthandleravgidle_nanoseconds_total", {}),
        ("kafka_network_requestmetrics_requests_total", {"request": "Fetch", "version": "18"}),
        ("kafka_server_raft_metrics_high_watermark", {}),
        ("kafka_server_broker_metadata_metrics_last_applied_record_lag_ms", {}),
        ("kafka_log_logmanager_logdirectoryoffline", {"logDirectory": "/srv/clusters/main/nodes/1/data"}),
        ("jvm_gc_collection_seconds_sum", {"gc": "Copy"}),
        ("process_cpu_seconds_total", {}),
        ("process_open_fds", {}),
    ],
)
def test_live_mbeans_get_the_names_that_dashboards_expect(name: str, labels: dict[str, str]) -> None:
    assert [dict(sample.labels) for sample in named(name)] == [labels]


def test_a_histogram_gives_quantiles_and_a_count_and_one_that_never_came_gives_nothing() -> None:
    found = named("kafka_network_requestmetrics_totaltimems")
    assert {sample.labels for sample in found} == {
        (("quantile", quantile), ("request", "Metadata")) for quantile in ("0.50", "0.95", "0.99", "0.999")
    }
    assert next(s.value for s in named("kafka_network_requestmetrics_totaltimems_count")) > 0


def test_heap_has_its_areas_and_an_unlimited_area_has_no_maximum() -> None:
    assert {dict(s.labels)["area"] for s in named("jvm_memory_used_bytes")} == {"heap", "nonheap"}
    assert {dict(s.labels)["area"] for s in named("jvm_memory_max_bytes")} == {"heap"}


def test_text_null_and_booleans_are_not_samples() -> None:
    sample = samples_of(
        {
            "kafka.server:type=raft-metrics": {
                "current-state": "leader",
                "election-latency-avg": None,
                "ok": True,
            }
        }
    )
    assert sample == []


def test_no_two_samples_of_a_poll_share_a_series() -> None:
    keys = [(sample.name, sample.labels) for sample in samples_of(LIVE)]
    assert len(keys) == len(set(keys))


def test_per_partition_mbeans_are_never_asked_for() -> None:
    assert not any("type=Partition" in query or "kafka.log:type=Log," in query for query in QUERIES)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("type=A,name=B", {"type": "A", "name": "B"}),
        ('type=A,dir="/a,b=c"', {"type": "A", "dir": "/a,b=c"}),
        (r'type=A,user="x\"y"', {"type": "A", "user": 'x"y'}),
        ("type=A,topic=a.b-c_d", {"type": "A", "topic": "a.b-c_d"}),
    ],
)
def test_object_names_are_parsed_with_their_quotes(text: str, keys: dict[str, str]) -> None:
    assert parse_keys(text) == keys


@pytest.mark.parametrize(("name", "counter"), [("x_total", True), ("x_count", True), ("x_bytes", False)])
def test_counters_are_told_by_their_name(name: str, counter: bool) -> None:
    assert is_counter(name) is counter


def test_a_client_of_a_quota_keeps_kafkas_encoding_and_gets_a_label_that_prometheus_takes() -> None:
    mbean = 'kafka.server:type=Produce,user="%C3%BC%20app%7E1",client-id=my-app'
    rate, throttle = samples_of({mbean: {"byte-rate": 5.0, "throttle-time": 7.0}})
    assert rate == Sample(
        "kafka_server_produce_byte_rate", (("client_id", "my-app"), ("user", "%C3%BC%20app%7E1")), 5.0
    )
    assert throttle.name == "kafka_server_produce_throttle_time"
    assert encoded_user("ü app~1") == "%C3%BC%20app%7E1"


def test_invented_client_ids_cannot_fill_the_store() -> None:
    name = "kafka_server_produce_byte_rate"
    many = [
        Sample(name, (("client_id", str(number)),), float(number)) for number in range(MOST_PER_KIND + 50)
    ]
    other = Sample("up", (), 1.0)
    kept = bounded([*many, other])
    assert len(kept) == MOST_PER_KIND + 1
    assert other in kept
    assert min(sample.value for sample in kept if sample.name == name) == 50
