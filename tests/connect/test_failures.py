"""Why a connector failed: its cause and the right that it lacks by table, and the page that says both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from controlplane.acls.logic.bindings import exactly
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for
from controlplane.connect import selectors
from controlplane.connect.logic.failures import LONGEST, cause_of, lacking, lacking_of
from controlplane.connect.logic.plans import TopicUse
from controlplane.connect.logic.rights import Right, needed
from controlplane.connect.selectors import Connect
from controlplane.core.access import Role
from controlplane.gateways.connect import ConnectApi, ConnectorStatus, Plugin, State, TaskStatus
from controlplane.gateways.kafka.access_types import Acl, AclOperation, AclPermission, AclResourceType
from tests.web.people import signed_in

DENIED = """org.apache.kafka.connect.errors.ConnectException: Unrecoverable exception from producer send callback
\tat org.apache.kafka.connect.runtime.WorkerSourceTask.maybeThrowProducerSendException(WorkerSourceTask.java:334)
\tat java.base/java.lang.Thread.run(Thread.java:840)
Caused by: org.apache.kafka.common.errors.TopicAuthorizationException: Not authorized to access topics: [lines]
"""
NESTED = """org.apache.kafka.connect.errors.ConnectException: Tolerance exceeded in error handler
\tat org.apache.kafka.connect.runtime.errors.RetryWithToleranceOperator.execute(RetryWithToleranceOperator.java:259)
\tSuppressed: java.io.IOException: beside it
\tCaused by: java.io.IOException: of what was suppressed
Caused by: org.apache.kafka.connect.errors.DataException: Converting byte[] to Kafka Connect data failed
\t... 17 more
Caused by: com.fasterxml.jackson.core.JsonParseException: Unrecognized token 'one'
 at [Source: (byte[])"one"; line: 1, column: 4]
\t... 18 more
"""


@pytest.mark.parametrize(
    ("trace", "cause"),
    [
        ("", ""),
        (DENIED, "TopicAuthorizationException: Not authorized to access topics: [lines]"),
        (NESTED, "JsonParseException: Unrecognized token 'one'"),
        ("java.lang.NullPointerException\n\tat a.B.c(B.java:1)", "NullPointerException"),
        ("a.b.Outer$Inner: it broke", "Outer$Inner: it broke"),
        ("it broke at some.Place: so", "it broke at some.Place: so"),
        ("x" * 400, "x" * (LONGEST - 1) + "…"),
    ],
)
def test_the_innermost_cause_is_said(trace: str, cause: str) -> None:
    assert cause_of(trace) == cause


GROUP = "Caused by: org.apache.kafka.common.errors.GroupAuthorizationException: Not authorized to access group: connect-x"
TRANSACTION = "org.apache.kafka.common.errors.TransactionalIdAuthorizationException: Transactional Id authorization failed."


@pytest.mark.parametrize(
    ("trace", "kind", "words"),
    [
        (DENIED, "source", ["Write on the topic lines"]),
        (DENIED, "sink", ["Read on the topic lines"]),
        (DENIED.replace("[lines]", "[a, b]"), "sink", ["Read on the topic a", "Read on the topic b"]),
        (GROUP, "sink", ["Read on the group connect-x"]),
        (TRANSACTION, "source", ["Write on its transactional id"]),
        (NESTED, "sink", []),
        ("", "sink", []),
    ],
)
def test_the_right_that_it_lacks(trace: str, kind: str, words: list[str]) -> None:
    assert [str(each) for each in lacking(trace, kind)] == words


def test_tasks_that_lack_the_same_say_it_once() -> None:
    assert lacking_of((DENIED, NESTED, DENIED), "source") == (Right("WRITE", "TOPIC", "lines"),)


IN, OUT, NEW = TopicUse("t", True, False), TopicUse("t", True, True), TopicUse("t", False, True)
MAKES = {
    "topic.creation.default.replication.factor": "3",
    "topic.creation.default.partitions": "1",
}


@pytest.mark.parametrize(
    ("config", "uses", "words"),
    [
        ({}, [], []),
        ({}, [OUT], ["Write on the topic t"]),
        ({}, [NEW], ["Write on the topic t"]),
        (MAKES, [NEW], ["Write on the topic t", "Create on the topic t"]),
        ({}, [IN], ["Read on the topic t", "Read on the group connect-x"]),
        ({"consumer.override.group.id": "own"}, [IN], ["Read on the topic t", "Read on the group own"]),
        (
            {"errors.deadletterqueue.topic.name": "dead"},
            [IN],
            ["Read on the topic t", "Read on the group connect-x", "Write on the topic dead"],
        ),
        ({"connector.class": "org.apache.kafka.connect.mirror.MirrorSourceConnector"}, [IN], []),
    ],
)
def test_what_a_connector_needs(config: dict[str, str], uses: list[TopicUse], words: list[str]) -> None:
    assert [str(each) for each in needed("x", config, uses)] == words


@pytest.mark.django_db
def test_a_plan_knows_what_the_principal_lacks(cluster: Cluster, prefix: str) -> None:
    """Of the worker that is ours; whose another is, nobody can tell."""
    config = {"connector.class": "FileStreamSource", "topic": prefix}
    use = (TopicUse(prefix, True, True),)
    own = Connect(cluster, "bundled", ConnectApi("http://127.0.0.1:1"), cluster.name)
    principal = "User:kastellan-connect"
    gateway = gateway_for(cluster)
    allowing = Acl(principal, "*", AclOperation.WRITE, AclPermission.ALLOW, AclResourceType.TOPIC, prefix)
    denying = replace(allowing, permission=AclPermission.DENY)
    gateway.create_acls([denying])
    try:
        found = selectors.rights_without(own, "x", config, use)
        assert found == (f"{principal} lacks Write on the topic {prefix}",)
        gateway.delete_acls([exactly(denying)])
        gateway.create_acls([allowing])
        assert selectors.rights_without(own, "x", config, use) == ()
    finally:
        gateway.delete_acls([exactly(allowing), exactly(denying)])
    assert selectors.rights_without(replace(own, worker=""), "x", config, use) == ()


@dataclass(frozen=True, slots=True)
class Failing(ConnectApi):
    """A worker whose only connector runs, while all of its tasks have failed."""

    plugin: str = "FileStreamSource"

    def status(self, name: str) -> ConnectorStatus:
        tasks = (TaskStatus(0, State.FAILED, "a:1", DENIED),)
        return ConnectorStatus(name, State.RUNNING, "source", "a:1", tasks)

    def config(self, name: str) -> dict[str, str]:
        return {"connector.class": self.plugin}

    def topics(self, name: str) -> tuple[str, ...]:
        return ()

    def plugins(self, *, only_connectors: bool = True) -> tuple[Plugin, ...]:
        return (Plugin("org.apache.kafka.connect.file.FileStreamSourceConnector", "source", "4.3.1"),)


@pytest.fixture
def failing(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def begin(plugin: str) -> None:
        connect = Connect(cluster, "bundled", Failing("http://127.0.0.1:1", plugin=plugin), cluster.name)
        monkeypatch.setattr(selectors, "connect_of", lambda cluster, name: connect)

    return begin


@pytest.mark.django_db
def test_a_connector_without_a_task_that_runs_looks_failed(failing: Callable[[str], None]) -> None:
    failing("FileStreamSource")
    page = signed_in(Role.ADMIN).get("/clusters/main/connect/bundled/lines/").content.decode()
    title = page.partition("<h1")[2].partition("</h1>")[0]
    assert "failed" in title
    assert "running" not in title
    assert '<button class="button primary" type="submit">' in page
    primary = page.partition('class="button primary"')[2].partition("</button>")[0]
    assert "Restart failed tasks" in primary
    assert "Pause…" in page
    assert "<summary>TopicAuthorizationException: Not authorized to access topics: [lines]</summary>" in page
    assert "User:kastellan-connect lacks Write on the topic lines" in page
    assert (
        "acls/new/?principal=User%3Akastellan-connect&amp;resource_type=TOPIC&amp;resource_name=lines" in page
    )
    assert (
        "acls/new" not in signed_in(Role.VIEWER).get("/clusters/main/connect/bundled/lines/").content.decode()
    )


@pytest.mark.django_db
def test_a_mirror_may_lack_a_right_elsewhere(failing: Callable[[str], None]) -> None:
    failing("org.apache.kafka.connect.mirror.MirrorSourceConnector")
    page = signed_in(Role.ADMIN).get("/clusters/main/connect/bundled/lines/").content.decode()
    assert "TopicAuthorizationException" in page
    assert "lacks" not in page


@pytest.mark.django_db
def test_a_plugin_that_the_worker_does_not_have_is_said(failing: Callable[[str], None]) -> None:
    failing("FileStreamSource")
    answer = signed_in(Role.ADMIN).get("/clusters/main/connect/bundled/+new/?plugin=com.nope.Class")
    assert (answer.status_code, "has no plugin com.nope.Class" in answer.content.decode()) == (404, True)
