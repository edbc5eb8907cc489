"""The boards of Connect: the workers, one connector, a replication flow. Pure."""

from __future__ import annotations

from controlplane.metrics.charts import Board, Chart, Line

_CONNECT = "kafka_connect_"
_MIRROR = f"{_CONNECT}mirror_mirrorsourceconnector_"


def _by_connector(metric: str, *, how: str = "rate") -> tuple[Line, ...]:
    """`rate`: of a counter, over the connector's tasks; `max`: of a gauge, the worst task."""
    what = (
        f"sum by (connector) (rate({metric}[$window]))"
        if how == "rate"
        else f"max by (connector) (max_over_time({metric}[$peak]))"
    )
    return (Line(what, "{{connector}}"),)


_WORKER = 'worker!=""'
CONNECT = Board("connect", "Connect", (
    Chart("connect-up", "Worker answers", "fraction", (Line("min by (worker) (min_over_time(kastellan_connect_worker_up[$peak]))", "{{worker}}"),),
          "0: its REST API did not answer."),
    Chart("connectors-by-state", "Connectors by state", "", (Line("sum by (state) (kastellan_connector_state) > 0", "{{state}}"),)),
    Chart("tasks-by-state", "Tasks by state", "", (Line("sum by (state) (kastellan_connector_tasks) > 0", "{{state}}"),), "A task that failed stays so until it is restarted."),
    Chart("connect-source-records", "Records read by sources", "/s", _by_connector(f"{_CONNECT}source_task_source_record_poll_total")),
    Chart("connect-source-written", "Records written by sources", "/s", _by_connector(f"{_CONNECT}source_task_source_record_write_total"),
          "After transformations and filters."),
    Chart("connect-source-active", "Records of sources on their way", "", _by_connector(f"{_CONNECT}source_task_source_record_active_count", how="max"),
          "Read and not yet confirmed by brokers. Growing: the cluster does not keep up."),
    Chart("connect-sink-records", "Records given to sinks", "/s", _by_connector(f"{_CONNECT}sink_task_sink_record_send_total")),
    Chart("connect-put-time", "Sinks: time of a batch", "ms", _by_connector(f"{_CONNECT}sink_task_put_batch_avg_time_ms", how="max"), "The system behind the sink."),
    Chart("connect-errors", "Records that could not be handled", "/s", _by_connector(f"{_CONNECT}task_error_total_record_errors"), "Retries included."),
    Chart("connect-skipped", "Records skipped", "/s", _by_connector(f"{_CONNECT}task_error_total_records_skipped"), "With errors.tolerance=all: lost, or in a dead letter topic."),
    Chart("connect-dead-letters", "Records sent to dead letter topics", "/s", _by_connector(f"{_CONNECT}task_error_deadletterqueue_produce_requests")),
    Chart("connect-rebalances", "Rebalances", "/s", (Line(f"sum by (worker) (rate({_CONNECT}worker_rebalance_completed_rebalances_total[$window]))", "{{worker}}"),),
          "Every new, changed or deleted connector is one or two; more is a storm."),
    Chart("connect-rebalance-time", "Time of a rebalance", "ms", (Line(f"max by (worker) (max_over_time({_CONNECT}worker_rebalance_rebalance_avg_time_ms[$peak]))", "{{worker}}"),)),
    Chart("flows-lag", "Flows: lag in time", "s", (Line("max by (source) (max_over_time(kastellan_flow_lag_seconds[$peak]))", "from {{source}}"),),
          "How long ago the oldest record was written that is not in this cluster yet."),
    Chart("connect-heap", "Heap used", "bytes", (Line(f'max by (worker) (max_over_time(jvm_memory_used_bytes{{area="heap", {_WORKER}}}[$peak]))', "{{worker}}"),)),
    Chart("connect-cpu", "CPU", "cores", (Line(f"sum by (worker) (rate(process_cpu_seconds_total{{{_WORKER}}}[$window]))", "{{worker}}"),), "1 is one core."),
))  # fmt: skip

_FROM = 'source="$source"'
#: Without the heartbeats of the flow back, which are copied as records are and are nobody's.
_COPIES = f'{_FROM}, topic!~"(.+[.])?heartbeats"'
FLOW_RECORDS = Chart("flow-records", "Records copied", "/s", (Line(f"sum(rate({_MIRROR}record_count{{{_COPIES}}}[$window]))", "records"),))  # fmt: skip
FLOW_BEHIND = Chart("flow-lag-seconds", "Behind in time", "s", (Line(f"max(max_over_time(kastellan_flow_lag_seconds{{{_FROM}}}[$peak]))", "behind"),
           Line(f"max(kastellan_flow_rpo_seconds{{{_FROM}}})", "objective")),
          "The age of the oldest record that waits.")  # fmt: skip
#: On the flow's own page, below what holds now.
FLOW_OVERVIEW = Board(
    "flow-overview", "Replication flow, in short", (FLOW_RECORDS, FLOW_BEHIND), about=("source",)
)
FLOW = Board("flow", "Replication flow", (
    Chart("flow-lag", "Not copied yet", "", (Line(f"max(max_over_time(kastellan_flow_lag_records{{{_FROM}}}[$peak]))", "records"),
           Line(f"max(kastellan_flow_rpo_records{{{_FROM}}})", "objective")),
          "Positions are written down every 5 s: a busy flow shows some seconds of records."),
    FLOW_BEHIND,
    FLOW_RECORDS,
    Chart("flow-bytes", "Bytes copied", "bytes/s", (Line(f"sum(rate({_MIRROR}byte_count{{{_COPIES}}}[$window]))", "bytes"),)),
    Chart("flow-topic-lag", "Not copied yet, the ten largest topics", "", (Line(f"topk(10, kastellan_flow_topic_lag_records{{{_FROM}}})", "{{topic}}"),)),
    Chart("flow-topic-bytes", "Bytes copied, the ten busiest copies", "bytes/s", (Line(f"topk(10, sum by (topic) (rate({_MIRROR}byte_count{{{_COPIES}}}[$window])))", "{{topic}}"),)),
    Chart("flow-latency", "From written in the source to written in the target", "ms",
          (Line(f"max(max_over_time({_MIRROR}replication_latency_ms_max{{{_FROM}}}[$peak]))", "slowest record"),
           Line(f"avg({_MIRROR}replication_latency_ms_avg{{{_FROM}}})", "mean")), "A gap: nothing was copied."),
    Chart("flow-heartbeat", "Age of the newest heartbeat", "s", (Line(f"max(max_over_time(kastellan_flow_heartbeat_age_seconds{{{_FROM}}}[$peak]))", "heartbeat"),),
          "One a second is written; more is a connector that stands still."),
    Chart("flow-checkpoint-age", "Checkpoints that are overdue", "s", (Line(f"max by (consumergroup) (max_over_time(kastellan_flow_checkpoint_age_seconds{{{_FROM}}}[$peak]))", "{{consumergroup}}"),),
          "How long a group's commits have not been translated; 0 while none is due."),
    Chart("flow-checkpoint-latency", "Latency of checkpoints", "ms",
          (Line(f"max by (group) ({_CONNECT}mirror_mirrorcheckpointconnector_checkpoint_latency_ms{{{_FROM}}})", "{{group}}"),), "From reading a group's offsets to writing them down."),
), about=("source",))  # fmt: skip

_THIS = 'connector="$connector"'
_TASK = "task {{task}}"


def _each(metric: str, legend: str) -> Line:
    """A counter of the connector, over its tasks."""
    return Line(f"sum(rate({_CONNECT}{metric}{{{_THIS}}}[$window]))", legend)


def _tasks(metric: str, *, how: str = "max_over_time", over: str = "peak") -> tuple[Line, ...]:
    return (Line(f"max by (task) ({how}({_CONNECT}{metric}{{{_THIS}}}[${over}]))", _TASK),)


def _of_both(kind: str) -> tuple[Chart, ...]:
    """What a source's board and a sink's have alike."""
    return (
        Chart(f"{kind}-errors", "Errors", "/s",
              (_each("task_error_total_record_errors", "errors"), _each("task_error_total_record_failures", "records that failed"),
               _each("task_error_total_records_skipped", "records skipped"), _each("task_error_deadletterqueue_produce_requests", "sent to the dead letter topic")),
              "A record that is tried again counts as an error each time. Skipped without a dead letter topic is lost."),
        Chart(f"{kind}-commit", "Time of an offset commit", "ms", _tasks("connector_task_offset_commit_avg_time_ms"),
              "The mean of each task. A long one means that more is repeated after a restart."),
        Chart(f"{kind}-running", "Running", "fraction", _tasks("connector_task_running_ratio"), "Of the time, per task. Less than 100 %: paused, or it failed."),
        Chart(f"{kind}-tasks", "Tasks by state", "", (Line(f"sum by (state) (kastellan_connector_tasks{{{_THIS}}}) > 0", "{{state}}"),),
              "A task that failed stays so until it is restarted."),
    )  # fmt: skip


SOURCE_CONNECTOR = Board("source-connector", "Source connector", (
    Chart("source-records", "Records", "/s",
          (_each("source_task_source_record_poll_total", "read"), _each("source_task_source_record_write_total", "written to topics")),
          "Fewer written than read: transformations leave some out, or brokers are slow."),
    Chart("source-task-records", "Records written, per task", "/s",
          _tasks("source_task_source_record_write_total", how="rate", over="window"), "Far apart: the work is unevenly shared."),
    Chart("source-poll-time", "Time of a batch", "ms", _tasks("source_task_poll_batch_avg_time_ms"),
          "Reading one from the system behind the source, the mean of each task. A source that waits for something new shows that wait."),
    Chart("source-active", "Records on their way", "", _tasks("source_task_source_record_active_count"),
          "Read and not yet confirmed by brokers. Growing: the cluster does not keep up."),
    *_of_both("source"),
), about=("connector",))  # fmt: skip

SINK_CONNECTOR = Board("sink-connector", "Sink connector", (
    Chart("sink-records", "Records", "/s",
          (_each("sink_task_sink_record_read_total", "read from topics"), _each("sink_task_sink_record_send_total", "given to the sink")),
          "Fewer given than read: transformations leave some out."),
    Chart("sink-task-records", "Records given to the sink, per task", "/s",
          _tasks("sink_task_sink_record_send_total", how="rate", over="window"), "Far apart: the partitions are unevenly shared, or full."),
    Chart("sink-put-time", "Time of a batch", "ms", _tasks("sink_task_put_batch_avg_time_ms"),
          "The system behind the sink takes one, the mean of each task."),
    Chart("sink-lag", "Not read yet", "", (Line('sum by (topic) (kafka_consumergroup_lag{consumergroup="connect-$connector"})', "{{topic}}"),),
          "The lag of its group, connect- and its name. A gap: it reads under a group of another name."),
    *_of_both("sink"),
), about=("connector",))  # fmt: skip
