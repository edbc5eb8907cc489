"""The shipped rules and inhibitions of Connect workers and replication flows: a table, and nothing else.

A flow that somebody paused or stopped is not behind: that is what was asked for.
"""

from __future__ import annotations

from controlplane.alerts.shipped_kind import CRITICAL, WARNING, Shipped

_RUNS = ' unless on (cluster, source, target) kastellan_flow_state{state=~"paused|stopped"} == 1'
#: Of a flow that has an objective (RPO) it counts instead of the seconds that hold for all others.
_RPO = "kastellan_flow_rpo_seconds"
_LAG = "kastellan_flow_lag_seconds"
_OWN = f"on (cluster, source, target) {_RPO}"
_FLOW = "The flow {{ $labels.source }} -> {{ $labels.target }}"
_CONNECTOR = "Connector {{ $labels.connector }} of {{ $labels.cluster }}"

RULES: tuple[Shipped, ...] = (
    Shipped(
        "ConnectWorkerDown", "kastellan_connect_worker_up == 0", CRITICAL, "1m",
        "The Connect worker {{ $labels.worker }} does not answer",
        "Its connectors stand still, and with them the flows into the cluster. They go on where they were when it is back.",
    ),
    Shipped(
        "ConnectorFailed",
        'kastellan_connector_state{state="failed"} == 1 or kastellan_connector_tasks{state="failed"} > 0'
        ' unless on (cluster, connector) kastellan_connector_tasks{state="running"} > 0', CRITICAL, "2m",
        f"{_CONNECTOR} has failed",
        "It, or every task of it: nothing is copied. Its page shows why; it stays so until somebody restarts it.",
    ),
    Shipped(
        "ConnectorTaskFailed", 'kastellan_connector_tasks{state="failed"} > 0', WARNING, "2m",
        "{{ $value }} tasks of connector {{ $labels.connector }} of {{ $labels.cluster }} have failed",
        "Its page shows why. A task that failed stays so until somebody restarts it.",
    ),
    Shipped(
        "ConnectRebalances", "increase(kafka_connect_worker_rebalance_completed_rebalances_total[10m]) > 20", WARNING, "10m",
        "The Connect worker {{ $labels.worker }} shares its work out again and again",
        "{{ $value | humanize }} times in ten minutes. Somebody changes connectors all the time, or the worker loses its cluster.",
    ),
    Shipped(
        "ConnectWorkerHeap", 'jvm_memory_used_bytes{area="heap",worker!=""} / jvm_memory_max_bytes{area="heap",worker!=""} > 0.9',
        WARNING, "5m",
        "The Connect worker {{ $labels.worker }} uses {{ $value | humanizePercentage }} of its heap",
        "It is about to stall or to die, with all of its connectors.", "5m",
    ),
    Shipped(
        "FlowNotRunning", 'kastellan_flow_state{state=~"failed|incomplete|unassigned|unknown"} == 1', CRITICAL, "2m",
        f"{_FLOW} is {{{{ $labels.state }}}}",
        "Nothing is copied, or no offsets are translated. The flow's page shows its three connectors and why.",
    ),
    Shipped(
        "FlowBehind", f"({_LAG} > {_OWN} or {_LAG} > 60 unless {_OWN}){_RUNS}", WARNING, "5m",
        f"{_FLOW} is {{{{ $value | humanizeDuration }}}} behind",
        "The age of the oldest record that is not in the target: what would be lost with the source now.",
    ),
    Shipped(
        "FlowFarBehind", f"({_LAG} > on (cluster, source, target) (10 * {_RPO}) or {_LAG} > 600 unless {_OWN}){_RUNS}", CRITICAL, "5m",
        f"{_FLOW} is {{{{ $value | humanizeDuration }}}} behind",
        "The age of the oldest record that is not in the target: what would be lost with the source now.",
    ),
    Shipped(
        "FlowRecordsBehind", f"kastellan_flow_lag_records > on (cluster, source, target) kastellan_flow_rpo_records{_RUNS}", WARNING, "5m",
        f"{_FLOW} has {{{{ $value | humanize }}}} records to copy, more than its objective allows",
        "What would be lost with the source now. The objective is on the flow's page.",
    ),
    Shipped(
        "FlowHeartbeatStopped", f"kastellan_flow_heartbeat_age_seconds > 60{_RUNS}", CRITICAL, "1m",
        f"{_FLOW} has had no heartbeat for {{{{ $value | humanizeDuration }}}}",
        "One a second is written into the target: its connector stands still, or cannot write.",
    ),
    Shipped(
        "FlowCheckpointsStale", f"kastellan_flow_checkpoint_age_seconds > 300{_RUNS}", WARNING, "5m",
        f"{_FLOW} does not translate the commits of {{{{ $labels.consumergroup }}}}",
        "For {{ $value | humanizeDuration }}. After a failover the group would read again what it has read since.",
    ),
    Shipped(
        "FlowLagUnknown", "kastellan_flow_poll_up == 0", WARNING, "5m",
        f"{_FLOW}: how far it is cannot be told",
        "The source does not answer, or the worker does not say where its connector is. It may copy all the same.",
    ),
)  # fmt: skip
_OF_FLOWS = (
    "FlowBehind|FlowFarBehind|FlowRecordsBehind|FlowHeartbeatStopped|FlowCheckpointsStale|FlowLagUnknown"
)
#: name, source, target, equal.
INHIBITIONS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    (
        "A Connect worker that is down explains its connectors and flows",
        'alertname="ConnectWorkerDown"',
        f'alertname=~"ConnectorFailed|ConnectorTaskFailed|ConnectRebalances|ConnectWorkerHeap|FlowNotRunning|{_OF_FLOWS}"',
        ("cluster",),
    ),
    (
        "A connector that failed explains its tasks",
        'alertname="ConnectorFailed"',
        'alertname="ConnectorTaskFailed"',
        ("cluster", "connector"),
    ),
    (
        "A flow that does not run explains that it is behind",
        'alertname="FlowNotRunning"',
        f'alertname=~"{_OF_FLOWS}"',
        ("cluster", "source"),
    ),
    (
        "A flow that does not run explains its connectors",
        'alertname="FlowNotRunning"',
        'alertname=~"ConnectorFailed|ConnectorTaskFailed",connector=~".+->.+[.](source|checkpoint|heartbeat)"',
        ("cluster",),
    ),
    (
        "A flow that is far behind explains that it is behind",
        'alertname="FlowFarBehind"',
        'alertname=~"FlowBehind|FlowRecordsBehind"',
        ("cluster", "source"),
    ),
)
