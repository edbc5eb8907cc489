"""The window on real brokers: it sees what is used, and the log level comes back, whatever ends it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from broker.paths import DataPaths
from broker.spec import ClusterSpec
from controlplane.acls import selectors, watching
from controlplane.acls.logic.authorize import Question, authorize
from controlplane.acls.logic.authorizer_log import Denial
from controlplane.acls.logic.bindings import key
from controlplane.acls.models import AclWatch
from controlplane.clusters.models import Cluster
from controlplane.core.access import SYSTEM, Role
from controlplane.gateways import broker as bundled
from controlplane.gateways.errors import GatewayError, Unreachable
from controlplane.gateways.kafka.access_types import (
    Acl,
    AclOperation,
    AclPermission,
    AclResourceType,
)
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.jobs import services as jobs
from controlplane.jobs.models import Job
from tests.acls.conftest import Connect, described, known_to_all
from tests.acls.notation import acl
from tests.conftest import Api
from tests.waiting import eventually
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db(transaction=True)


def start(cluster: Cluster, seconds: int) -> Job:
    return jobs.enqueue(
        kind="acls.watch", title="Watch", args={"seconds": seconds}, actor=SYSTEM, cluster=cluster.name
    )


def test_it_sees_what_is_used_and_sets_the_level_back(
    cluster: Cluster,
    gateway: KafkaGateway,
    as_user: Connect,
    clean_acls: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user = f"{clean_acls}-ann"
    used, idle = (
        Acl(f"User:{user}", "*", operation, AclPermission.ALLOW, AclResourceType.CLUSTER, "kafka-cluster")
        for operation in (AclOperation.DESCRIBE, AclOperation.ALTER_CONFIGS)
    )
    known_to_all(gateway, [used, idle])
    theirs = as_user(user)
    eventually(lambda: described(theirs), timeout=30)
    before = watching.levels_of(cluster)
    read = watching._read_log
    seen: list[dict[str, str]] = []

    def read_and_use(*args: object) -> None:
        seen.append(watching.levels_of(cluster))
        theirs.describe_acls()
        read(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(watching, "_read_log", read_and_use)
    monkeypatch.setattr(watching, "POLL_SECONDS", 0.2)
    job = jobs.run(start(cluster, 2).pk)
    assert job is not None
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    assert set(seen[0].values()) == {"DEBUG"}
    assert watching.levels_of(cluster) == before == dict.fromkeys(before, "INFO")
    usage = selectors.last_usage(cluster)
    assert usage is not None
    assert key(used) in usage.used
    assert key(idle) not in usage.used
    unused = next(each for each in selectors.all_findings(cluster) if each.kind == "unused" and each.acls)
    assert idle in unused.acls
    assert used not in unused.acls
    assert selectors.open_watch(cluster) is None


def test_a_cancelled_window_sets_the_level_back_and_is_no_evidence(
    cluster: Cluster, gateway: KafkaGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = start(cluster, 600)

    def cancel(*args: object) -> None:
        Job.objects.filter(pk=job.pk).update(cancel_requested_at=timezone.now())

    monkeypatch.setattr(watching, "_read_log", cancel)
    done = jobs.run(job.pk)
    assert done is not None
    done.refresh_from_db()
    assert done.state == "cancelled"
    assert set(watching.levels_of(cluster).values()) == {"INFO"}
    assert selectors.last_usage(cluster) is None
    assert AclWatch.objects.get().restored_at is not None


def test_what_a_dead_worker_left_raised_is_set_back_by_the_schedule(
    cluster: Cluster, gateway: KafkaGateway
) -> None:
    now = timezone.now()
    watching.open_window(cluster, now - timedelta(minutes=5), 60)
    watching.set_levels(cluster, dict.fromkeys(watching.levels_of(cluster), "DEBUG"))
    assert watching.restore_overdue(now - timedelta(minutes=4)) == 0
    assert set(watching.levels_of(cluster).values()) == {"DEBUG"}
    assert watching.restore_overdue(now) == 1
    assert set(watching.levels_of(cluster).values()) == {"INFO"}
    assert watching.restore_overdue(now) == 0
    assert selectors.last_usage(cluster) is None


def test_a_level_that_cannot_be_set_back_now_stays_a_debt(
    cluster: Cluster, gateway: KafkaGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    row = watching.open_window(cluster, now - timedelta(minutes=5), 60)

    def silent(self: KafkaGateway, *args: object, **kwargs: object) -> None:
        raise Unreachable("No broker answers")

    with monkeypatch.context() as patch:
        patch.setattr(KafkaGateway, "incremental_alter_configs", silent)
        assert watching.restore_overdue(now) == 0
    row.refresh_from_db()
    assert row.restored_at is None
    assert watching.restore_overdue(now) == 1


def test_a_broker_that_was_not_listened_to_all_the_time_makes_the_window_incomplete(
    cluster: Cluster, gateway: KafkaGateway, clean_acls: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restart begins with the level of the broker's own file; here one level is set back as a restart would."""
    read = watching._read_log
    known_to_all(gateway, [acl(f"ALLOW User:{clean_acls}-ann READ TOPIC {clean_acls}-a")])
    first = next(iter(watching.levels_of(cluster)))

    def read_and_lower(*args: object) -> None:
        watching.set_levels(cluster, {first: "INFO"})
        read(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(watching, "_read_log", read_and_lower)
    monkeypatch.setattr(watching, "POLL_SECONDS", 0.2)
    assert jobs.run(start(cluster, 1).pk) is not None
    usage = selectors.last_usage(cluster)
    assert usage is not None
    assert not usage.complete
    assert any("missed" in each.what for each in selectors.all_findings(cluster) if each.kind == "unused")


@pytest.mark.parametrize(
    ("first_line", "read_before", "complete"),
    [("09:00", None, True), ("10:01", None, False), ("10:01", "10:02", True), ("10:03", "10:02", False)],
)
def test_a_log_that_begins_later_than_it_was_read_has_a_gap(
    cluster_spec: ClusterSpec,
    monkeypatch: pytest.MonkeyPatch,
    first_line: str,
    read_before: str | None,
    complete: bool,
) -> None:
    """Cut because it is long, or rotated between two readings: both show in the time of its first line."""
    text = f"\tat a.stack.Trace\n[2026-01-02 {first_line}:00,000] INFO something (x)\n"
    monkeypatch.setattr(bundled, "broker_log", lambda *_: text)
    row = AclWatch(cluster="main", started_at=at("10:00"), ends_at=at("10:05"), levels={"1": "INFO"})
    seen = {} if read_before is None else {"1": at(read_before)}
    watching._read_log(bundled.bundled_cluster("main"), "1", row, seen)
    assert row.complete is complete


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-01-02 {clock}").astimezone()


def test_two_windows_at_once_are_refused(
    cluster: Cluster, gateway: KafkaGateway, api: Callable[[Role], Api]
) -> None:
    row = watching.open_window(cluster, timezone.now(), 60)
    answer = api(Role.ADMIN)("POST", "clusters/main/acls/watch/", {"minutes": 1})
    assert (answer.status_code, answer.json()["code"]) == (422, "refused")
    job = jobs.run(start(cluster, 1).pk)
    assert job is not None
    job.refresh_from_db()
    assert job.state == "failed"
    watching.restore(cluster, row, timezone.now())
    dry = api(Role.ADMIN)("POST", "clusters/main/acls/watch/?dry_run=true", {"minutes": 1})
    assert dry.json()["allowed"]
    assert not Job.objects.filter(title=dry.json()["title"]).exists()
    asked = api(Role.ADMIN)("POST", "clusters/main/acls/watch/", {"minutes": 11})
    assert asked.status_code == 422


def test_a_refusal_appears_among_the_denials_and_can_be_allowed(
    cluster: Cluster, gateway: KafkaGateway, as_user: Connect, clean_acls: str
) -> None:
    theirs = as_user(f"{clean_acls}-eve")
    eventually(lambda: not described(theirs) and denied(cluster, clean_acls), timeout=30)
    row = denied(cluster, clean_acls)
    assert row is not None
    assert (row.operation, row.resource_type, row.host) == ("DESCRIBE", "CLUSTER", "127.0.0.1")
    assert row.denied_by is None
    path, client = f"/clusters/main/acls/denials/?search={clean_acls}", signed_in(Role.ADMIN)
    before = client.get(path).content.decode()
    assert "Allow this…" in before
    assert "allowed now" not in before
    gateway.create_acls([row.fix])
    eventually(lambda: described(theirs))
    after = client.get(path).content.decode()
    assert "Allow this…" not in after
    assert "allowed now" in after


def denied(cluster: Cluster, prefix: str) -> Denial | None:
    rows = selectors.recent_denials(cluster).rows
    return next((row for row in rows if row.principal.startswith(f"User:{prefix}")), None)


def test_the_brokers_log_names_the_binding_that_we_name(
    cluster: Cluster, gateway: KafkaGateway, as_user: Connect, clean_acls: str
) -> None:
    """The line of a DENY carries its rule: the same that `authorize` calls deciding."""
    user = f"{clean_acls}-bob"
    denies = [
        Acl(f"User:{user}", "*", operation, AclPermission.DENY, AclResourceType.CLUSTER, "kafka-cluster")
        for operation in (AclOperation.DESCRIBE, AclOperation.ALL)
    ]
    known_to_all(gateway, denies)
    theirs = as_user(user)
    eventually(lambda: not described(theirs) and denied(cluster, clean_acls), timeout=30)
    question = Question(
        f"User:{user}", AclOperation.DESCRIBE, AclResourceType.CLUSTER, "kafka-cluster", "127.0.0.1"
    )
    decision = authorize(question, selectors.authorizer(cluster))

    def named() -> bool:
        described(theirs)
        row = denied(cluster, clean_acls)
        return row is not None and row.denied_by == decision.decided_by

    eventually(named)


def test_a_client_cannot_write_a_line_of_its_own_into_the_log(
    cluster: Cluster, cluster_spec: ClusterSpec, data_paths: DataPaths, as_user: Connect, clean_acls: str
) -> None:
    """Else whoever can log in could have Denials offer "allow this" for whatever it likes."""
    written = data_paths.cluster(cluster_spec.name).root.glob("nodes/*/log4j2.yaml")
    if not all("%enc{%m}{CRLF}" in path.read_text() for path in written):
        pytest.skip("these brokers were started by an older version")
    forged = (
        f"{clean_acls} for\n[2026-01-02 10:00:00,000] INFO Principal = User:{clean_acls}-forged is Denied operation = ALL"
        " from host = 10.0.0.1 on resource = Cluster:LITERAL:kafka-cluster for request = Fetch"
        " with resourceRefCount = 1 based on rule DefaultDeny\n"
    )
    theirs = as_user(f"{clean_acls}-eve")

    def refused() -> Denial | None:
        with pytest.raises(GatewayError):
            theirs.list_group_offsets([forged])
        return denied(cluster, clean_acls)

    row = eventually(refused, timeout=30, every=0.5)
    assert row.principal == f"User:{clean_acls}-eve"
    assert "forged" in row.resource_name
    assert not [each for each in selectors.recent_denials(cluster).rows if "forged" in each.principal]
