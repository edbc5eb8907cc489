"""Prometheus text of other exporters comes to the names that our own poll gives, and to no others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from controlplane.metrics.logic.exposition import Raw, normalised
from controlplane.metrics.names import Sample, samples_of
from controlplane.metrics.sources import parsed

IN = "kafka_server_brokertopicmetrics_bytesin_total"
TOTAL = "kafka_network_requestmetrics_totaltimems"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        # Strimzi's rules
        (Raw("kafka_server_brokertopicmetrics_bytesin_total", {"topic": "t"}, 5), (IN, {"topic": "t"})),
        (Raw("kafka_server_replicamanager_underreplicatedpartitions", {}, 0), ("kafka_server_replicamanager_underreplicatedpartitions", {})),
        (Raw(TOTAL, {"request": "Produce", "quantile": "0.99"}, 3), (TOTAL, {"request": "Produce", "quantile": "0.99"})),
        (Raw(TOTAL, {"request": "Produce", "quantile": "0.5"}, 3), (TOTAL, {"request": "Produce", "quantile": "0.50"})),
        (Raw("kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent", {}, 1), ("kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent", {})),
        # The JMX exporter without rules, and Amazon MSK
        (Raw("kafka_server_BrokerTopicMetrics_Count", {"name": "BytesInPerSec", "topic": "t"}, 5), (IN, {"topic": "t"})),
        (Raw("kafka_server_ReplicaManager_Value", {"name": "UnderReplicatedPartitions"}, 0), ("kafka_server_replicamanager_underreplicatedpartitions", {})),
        (Raw("kafka_controller_KafkaController_Value", {"name": "OfflinePartitionsCount"}, 0), ("kafka_controller_kafkacontroller_offlinepartitionscount", {})),
        (Raw("kafka_network_RequestMetrics_Count", {"name": "RequestsPerSec", "request": "Fetch", "version": "17"}, 9), ("kafka_network_requestmetrics_requests_total", {"request": "Fetch", "version": "17"})),
        (Raw("kafka_server_socket_server_metrics_connection_count", {"listener": "SSL", "networkProcessor": "1"}, 2), ("kafka_server_socket_server_metrics_connection_count", {"listener": "SSL", "networkProcessor": "1"})),
        # … in lower case
        (Raw("kafka_server_brokertopicmetrics_count", {"name": "BytesInPerSec", "topic": "t"}, 5), (IN, {"topic": "t"})),
        (Raw("java_lang_memory_heapmemoryusage_used", {}, 7), ("jvm_memory_used_bytes", {"area": "heap"})),
        (Raw("java_lang_Memory_HeapMemoryUsage_used", {}, 7), ("jvm_memory_used_bytes", {"area": "heap"})),
        (Raw("java_lang_GarbageCollector_CollectionCount", {"name": "G1 Young Generation"}, 7), ("jvm_gc_collection_seconds_count", {"gc": "G1 Young Generation"})),
        # client_java, old and new
        (Raw("jvm_memory_bytes_used", {"area": "heap"}, 7), ("jvm_memory_used_bytes", {"area": "heap"})),
        (Raw("jvm_memory_used_bytes", {"area": "heap"}, 7), ("jvm_memory_used_bytes", {"area": "heap"})),
        (Raw("process_open_fds", {}, 7), ("process_open_fds", {})),
        # The poller says which broker it asked.
        (Raw(IN, {"topic": "t", "broker": "9", "instance": "x:1", "job": "kafka"}, 5), (IN, {"topic": "t"})),
    ],
)  # fmt: skip
def test_a_line_comes_to_our_name(line: Raw, expected: tuple[str, dict[str, str]]) -> None:
    assert [(each.name, dict(each.labels)) for each in normalised([line])] == [expected]


@pytest.mark.parametrize(
    "line",
    [
        Raw("kafka_log_Log_Value", {"name": "Size", "topic": "t", "partition": "0"}, 1),
        Raw(
            "kafka_network_RequestMetrics_50thPercentile", {"name": "LocalTimeMs", "request": "Heartbeat"}, 1
        ),
        Raw(TOTAL, {"request": "Produce", "quantile": "0.75"}, 3),
        Raw("kafka_network_requestmetrics_throttletimems", {"request": "Produce", "quantile": "0.99"}, 3),
        Raw("kafka_server_socket_server_metrics_incoming_byte_rate", {"listener": "SSL"}, 3),
        Raw("java_lang_Runtime_Uptime", {}, 1),
        Raw("go_goroutines", {}, 1),
        Raw(IN, {}, float("nan")),
    ],
)
def test_what_we_do_not_poll_is_left_out(line: Raw) -> None:
    assert normalised([line]) == []


def test_attributes_of_one_mbean_find_each_other() -> None:
    labels = {"name": "TotalTimeMs", "request": "Produce"}
    lines = [
        Raw("kafka_network_RequestMetrics_50thPercentile", labels, 1),
        Raw("kafka_network_RequestMetrics_99thPercentile", labels, 8),
        Raw("kafka_network_RequestMetrics_Count", labels, 40),
    ]
    found = {(each.name, dict(each.labels).get("quantile")): each.value for each in normalised(lines)}
    assert found == {(TOTAL, "0.50"): 1, (TOTAL, "0.99"): 8, (f"{TOTAL}_count", None): 40}


def exported(mbeans: dict[str, dict[str, object]]) -> list[Raw]:
    """As the JMX exporter without rules names them: domain, type, attribute; the other keys are labels."""
    from controlplane.metrics.names import parse_keys

    lines = []
    for mbean, attributes in mbeans.items():
        domain, _, rest = mbean.partition(":")
        keys = parse_keys(rest)
        base = f"{domain}_{keys.pop('type')}".replace(".", "_").replace("-", "_")
        labels = {key.replace("-", "_"): value for key, value in keys.items()}
        for name, value in attributes.items():
            parts = value.items() if isinstance(value, dict) else [("", value)]
            for key, number in parts:
                if isinstance(number, int | float) and not isinstance(number, bool):
                    tail = f"{name}_{key}" if key else name
                    lines.append(Raw(f"{base}_{tail}".replace("-", "_"), labels, float(number)))
    return lines


def test_a_whole_broker_by_its_exporter_is_what_jolokia_gives() -> None:
    """The recorded answer of a real broker, in the exporter's words: the same samples under the same names."""
    recorded = json.loads((Path(__file__).parent / "jolokia-4.4.0.json").read_text())
    ours = {(each.name, each.labels): each.value for each in samples_of(recorded)}
    theirs = {(each.name, each.labels): each.value for each in normalised(exported(recorded))}
    lost = {name for name, _ in ours.keys() - theirs.keys()}
    made_up = {name for name, _ in theirs.keys() - ours.keys()}
    assert made_up == set()
    assert len(theirs) > 0.9 * len(ours), sorted(lost)


def test_text_is_read_strictly() -> None:
    lines = list(parsed('# TYPE a counter\na_total{x="1,\\"2"} 3\nb 4 1700000000000\n'))
    assert [(each.name, dict(each.labels), each.value) for each in lines] == [
        ("a_total", {"x": '1,"2'}, 3),
        ("b", {}, 4),
    ]
    assert isinstance(normalised(lines), list)
    assert Sample("a", (), 1.0)
