"""Why a connector has failed, in one line: where the trace began, not where it ended."""

from __future__ import annotations

import pytest

from controlplane.gateways.connect_values import ConnectorStatus, State, TaskStatus, cause_of

DENIED = """org.apache.kafka.connect.errors.ConnectException: Unrecoverable exception from producer send callback
\tat org.apache.kafka.connect.runtime.WorkerSourceTask.maybeThrowProducerSendException(WorkerSourceTask.java:334)
Caused by: org.apache.kafka.common.KafkaException: wrapped
\t... 12 more
Caused by: org.apache.kafka.common.errors.TopicAuthorizationException: Not authorized to access topics: [lines]
"""


@pytest.mark.parametrize(
    ("trace", "cause"),
    [
        ("", ""),
        ("\n", ""),
        (DENIED, "TopicAuthorizationException: Not authorized to access topics: [lines]"),
        ("java.lang.NullPointerException\n\tat a.B.c(B.java:1)", "NullPointerException"),
        ("com.x.Outer$Inner: why: not.\n", "Outer$Inner: why: not."),
        ("it just stopped", "it just stopped"),
    ],
)
def test_the_innermost_cause_is_told(trace: str, cause: str) -> None:
    assert cause_of(trace) == cause


def test_a_connector_whose_task_has_failed_has_failed() -> None:
    tasks = (TaskStatus(0, State.RUNNING, "w"), TaskStatus(1, State.FAILED, "w", DENIED))
    status = ConnectorStatus("lines", State.RUNNING, "source", "w", tasks)
    assert (status.worst, status.state) == (State.FAILED, State.RUNNING)
    assert "TopicAuthorizationException" in status.cause
    assert ConnectorStatus("lines", State.PAUSED, "source", "w", tasks[:1]).worst is State.PAUSED
