"""What the nodes of a bundled cluster say of themselves over the JMX-HTTP agent: readiness, recovery, replicas in sync.

`JolokiaFacts` gives `python -m broker roll` its view of the cluster where no control plane and no Kafka client is there.
Reading is I/O; what the answers mean is pure.
"""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from broker.availability import PartitionFacts, Quorum, Voter
from broker.cluster import HttpEndpoint, jolokia_endpoint
from broker.paths import DataPaths
from broker.roll import ClusterView, FactsUnavailable
from broker.spec import ClusterSpec, NodeSpec

TIMEOUT_S = 5.0
RECOVERY, RUNNING = 2, 3
BROKER_STATE = "kafka.server:type=KafkaServer,name=BrokerState"
RAFT = "kafka.server:type=raft-metrics"
CONTROLLER_LAG = "kafka.controller:type=KafkaController,name=LastAppliedRecordLagMs"
TO_RECOVER = "kafka.log:type=LogManager,name=remainingLogsToRecover,*"
PARTITION = "kafka.cluster:type=Partition,name={},*"
GAUGES = ("ReplicasCount", "InSyncReplicasCount", "UnderMinIsr", "AtMinIsr")
QUESTIONS = (BROKER_STATE, RAFT, CONTROLLER_LAG, TO_RECOVER, *(PARTITION.format(name) for name in GAUGES))


class AgentError(Exception):
    """A node's agent did not answer, or not with what was asked for."""


@dataclass(frozen=True, slots=True)
class Gauges:
    """One partition as one of its nodes sees it; a follower counts no replicas, as it does not know them."""

    replicas: int
    in_sync: int
    under_min_isr: bool
    at_min_isr: bool


@dataclass(frozen=True, slots=True)
class NodeHealth:
    """`partitions` has every partition that the node hosts; `lag_ms`: age of what its controller applied last."""

    node: int
    broker_state: int | None
    leader: int | None
    epoch: int
    lag_ms: int | None
    logs_to_recover: int
    partitions: Mapping[tuple[str, int], Gauges]

    @property
    def ready(self) -> bool:
        return self.broker_state == RUNNING


def read_bulk(endpoint: HttpEndpoint, mbeans: Iterable[str], timeout: float = TIMEOUT_S) -> list[Any]:
    """The values of MBeans or patterns in one POST; None for one that is not there."""
    body = json.dumps([{"type": "read", "mbean": name} for name in mbeans])
    url = urlsplit(endpoint.url)
    login = f"{endpoint.username}:{endpoint.password_file.read_text()}"
    headers = {
        "Authorization": f"Basic {base64.b64encode(login.encode()).decode()}",
        "Content-Type": "application/json",
    }
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=timeout)
    try:
        connection.request("POST", url.path, body, headers)
        response = connection.getresponse()
        if response.status != 200:
            raise AgentError(f"{endpoint.url} answered {response.status}")
        answers = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise AgentError(f"{endpoint.url} did not answer: {error}") from error
    finally:
        connection.close()
    return [answer.get("value") if answer.get("status") == 200 else None for answer in answers]


def node_health(
    paths: DataPaths, spec: ClusterSpec, node: NodeSpec, timeout: float = TIMEOUT_S
) -> NodeHealth:
    return parse(node.id, read_bulk(jolokia_endpoint(paths, spec, node), QUESTIONS, timeout))


def parse(node: int, answers: list[Any]) -> NodeHealth:
    if len(answers) != len(QUESTIONS):
        raise AgentError(f"node {node} gave {len(answers)} answers to {len(QUESTIONS)} questions")
    state, raft, lag, recovery, *gauges = answers
    quorum: Mapping[str, Any] = raft or {}
    remaining: Mapping[str, Mapping[str, Any]] = recovery or {}
    leader = quorum.get("current-leader")
    return NodeHealth(
        node=node,
        broker_state=None if state is None else int(state["Value"]),
        leader=None if leader is None or leader < 0 else int(leader),
        epoch=int(quorum.get("current-epoch", -1)),
        lag_ms=None if lag is None or lag["Value"] is None else int(lag["Value"]),
        logs_to_recover=sum(int(item["Value"]) for item in remaining.values()),
        partitions=_partitions([item or {} for item in gauges]),
    )


def _partitions(gauges: list[Mapping[str, Mapping[str, Any]]]) -> dict[tuple[str, int], Gauges]:
    tables = [{_partition(name): int(item["Value"]) for name, item in table.items()} for table in gauges]
    replicas, in_sync, under, at = tables
    return {
        key: Gauges(count, in_sync.get(key, 0), bool(under.get(key)), bool(at.get(key)))
        for key, count in replicas.items()
    }


def _partition(mbean: str) -> tuple[str, int]:
    keys = dict(part.split("=", 1) for part in mbean.partition(":")[2].split(","))
    return keys["topic"].strip('"'), int(keys["partition"])


def cluster_view(spec: ClusterSpec, nodes: Mapping[int, NodeHealth]) -> ClusterView:
    """Pure. `nodes`: those that answered. FactsUnavailable when the answers do not decide who is in sync."""
    if not nodes:
        raise FactsUnavailable("no node's agent answers")
    recovering = {
        health.node: f"{health.logs_to_recover} logs left to recover"
        for health in nodes.values()
        if health.broker_state == RECOVERY
    }
    return ClusterView(
        quorum=_quorum(spec, nodes),
        partitions=tuple(_facts(key, nodes) for key in sorted(_led(nodes))),
        online=frozenset(health.node for health in nodes.values() if health.ready),
        recovering=recovering,
    )


def _quorum(spec: ClusterSpec, nodes: Mapping[int, NodeHealth]) -> Quorum:
    """The leader of the newest epoch that anybody knows."""
    newest = max(nodes.values(), key=lambda health: (health.epoch, health.leader is not None))
    lags = {health.node: health.lag_ms for health in nodes.values()}
    return Quorum(newest.leader, tuple(Voter(node.id, lags.get(node.id)) for node in spec.controllers))


def _led(nodes: Mapping[int, NodeHealth]) -> set[tuple[str, int]]:
    return {key for health in nodes.values() for key in health.partitions}


def _facts(key: tuple[str, int], nodes: Mapping[int, NodeHealth]) -> PartitionFacts:
    """1. The nodes that report a partition host it. 2. Its leader counts its replicas and those in sync.

    3. Hosts that do not answer are not in sync. 4. Who is behind among the others cannot be told from counts; that
    matters only where no replica is to spare, and then the question has to wait.
    """
    topic, partition = key
    hosts = tuple(sorted(node for node, health in nodes.items() if key in health.partitions))
    leader = next((node for node in hosts if nodes[node].partitions[key].in_sync), None)
    if leader is None:
        return PartitionFacts(topic, partition, None, hosts, (), None)
    gauges = nodes[leader].partitions[key]
    spare = not (gauges.under_min_isr or gauges.at_min_isr)
    if gauges.in_sync < len(hosts) and gauges.at_min_isr:
        raise FactsUnavailable(f"{topic}-{partition} has no replica to spare, and a replica is catching up")
    in_sync = tuple(sorted(hosts, key=lambda node: node != leader))[: gauges.in_sync]
    least = gauges.in_sync - 1 if spare else gauges.in_sync + int(gauges.under_min_isr)
    absent = tuple(-1 for _ in range(gauges.replicas - len(hosts)))
    return PartitionFacts(topic, partition, leader, (*hosts, *absent), in_sync, least)


@dataclass(frozen=True)
class JolokiaFacts:
    """A provider of facts for `roll`, from the agents alone."""

    paths: DataPaths
    spec: ClusterSpec
    timeout: float = TIMEOUT_S

    def nodes(self) -> dict[int, NodeHealth]:
        """All nodes at once; one that does not answer is left out, and delays nobody for longer than the timeout."""
        with ThreadPoolExecutor(max_workers=len(self.spec.nodes)) as pool:
            answers = pool.map(self._ask, self.spec.staying)
        return {health.node: health for health in answers if health is not None}

    def view(self) -> ClusterView:
        return cluster_view(self.spec, self.nodes())

    def _ask(self, node: NodeSpec) -> NodeHealth | None:
        try:
            return node_health(self.paths, self.spec, node, self.timeout)
        except AgentError:
            return None
