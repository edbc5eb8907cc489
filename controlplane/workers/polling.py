"""One poll of a Connect worker: its MBeans by Jolokia, its connectors by the REST API. Either may fail alone.

`kastellan_connect_worker_up` is the REST API: a worker that does not answer there does nothing for anybody. A worker that
was stopped or removed is not expected to answer: its series end, and nobody is told.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from controlplane.gateways import workers
from controlplane.gateways.connect import ConnectorStatus, State
from controlplane.gateways.errors import AuthenticationFailed, GatewayError
from controlplane.gateways.jolokia import read_mbeans
from controlplane.gateways.workers import ConnectSpec
from controlplane.metrics.logic.connect import QUERIES, samples_of_worker
from controlplane.metrics.names import Sample, sample
from controlplane.metrics.selectors import end_series, store

TARGET = "connect"
REST_SECONDS = 4.0
JMX_SECONDS = 4.0
#: How long ago a sample may be that is ended when the worker is gone; evaluation looks no further back.
ENDING_MS = 600_000
#: Of all connectors together; beyond it tasks are counted by state and not listed.
MOST_TASKS = 500
STATES = tuple(state.value.lower() for state in State)


def polled(cluster: str) -> ConnectSpec | None:
    """The worker that should answer."""
    worker = workers.worker_of(cluster)
    return None if worker is None or worker.stopped else worker


def poll(cluster: str, worker: ConnectSpec, now: int) -> GatewayError | None:
    """Stores one scrape; returns the first failure. `now` is Unix milliseconds."""
    started = time.monotonic()
    rest, no_rest = _asked(_of_rest, worker)
    jmx, no_jmx = _asked(_of_jmx, worker)
    own = {
        "kastellan_connect_worker_up": no_rest is None,
        "kastellan_connect_jmx_up": no_jmx is None,
        "kastellan_connect_poll_duration_seconds": time.monotonic() - started,
    }
    of_poll = [sample(name, value, worker=worker.process_name) for name, value in own.items()]
    store().append(cluster, TARGET, now, [*rest, *jmx, *of_poll])
    return no_rest or no_jmx


def _asked(
    read: Callable[[ConnectSpec], list[Sample]], worker: ConnectSpec
) -> tuple[list[Sample], GatewayError | None]:
    try:
        return read(worker), None
    except GatewayError as error:
        return [], error
    except OSError as error:
        return [], AuthenticationFailed(f"The password of {worker.process_name} cannot be read: {error}")


def _of_rest(worker: ConnectSpec) -> list[Sample]:
    return list(of_connectors(workers.rest_api(worker, REST_SECONDS).statuses()))


def _of_jmx(worker: ConnectSpec) -> list[Sample]:
    mbeans = read_mbeans(workers.jolokia_endpoint(worker), QUERIES, deadline_s=JMX_SECONDS)
    return samples_of_worker(mbeans, worker.process_name)


def end(cluster: str, now: int) -> bool:
    """Ends what a worker said that is not polled any more; true where there was something."""
    return end_series(cluster, TARGET, now, now - ENDING_MS)


def of_connectors(statuses: Mapping[str, ConnectorStatus]) -> Iterator[Sample]:
    """Each state that there can be, 1 for the present one: what was left is 0 at once, and a rule can wait for it."""
    yield sample("kastellan_connectors", len(statuses))
    few = sum(len(status.tasks) for status in statuses.values()) <= MOST_TASKS
    for name, status in statuses.items():
        tasks = Counter(task.state.value.lower() for task in status.tasks)
        for state in STATES:
            is_now = status.state.value.lower() == state
            yield sample("kastellan_connector_state", is_now, connector=name, state=state)
            yield sample("kastellan_connector_tasks", tasks[state], connector=name, state=state)
        for task in status.tasks if few else ():
            for state in STATES:
                is_now = task.state.value.lower() == state
                yield sample(
                    "kastellan_connector_task_state", is_now, connector=name, task=task.id, state=state
                )
