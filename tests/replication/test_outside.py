"""A flow into a cluster that is not ours: a worker of ours beside it, the way in that was registered, and what changes there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from broker.control import ControlClient
from broker.paths import DataPaths
from broker.spec import ClusterSpec
from controlplane.audit.models import Operation
from controlplane.clusters import registration
from controlplane.clusters.logic.connections import ClusterRequest
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for, refresh
from controlplane.core.access import SYSTEM, Role
from controlplane.gateways import workers
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.jobs import services as jobs
from controlplane.replication import following, selectors, services, watching
from controlplane.replication.logic.failover import Kind, Step
from controlplane.replication.logic.flows import FlowRequest
from controlplane.replication.models import Flow
from controlplane.workers import services as worker_services
from tests.clusters.external import by_certificate, by_password, password_of
from tests.conftest import Api
from tests.replicating import ENDED
from tests.replication import driving
from tests.waiting import eventually
from tests.web.people import signed_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]
WORKER = "clusters/away/connect-worker/"


@pytest.fixture
def away(
    far_spec: ClusterSpec, cluster: Cluster, data_paths: DataPaths, control: ControlClient
) -> Iterator[Cluster]:
    """A cluster with one broker, known by its address and a password only. No worker of it is left."""
    # No cluster is registered twice.
    Cluster.objects.filter(name=far_spec.name).delete()
    wanted = ClusterRequest("away", "Away", connection=by_password(far_spec, data_paths))
    plan = registration.plan_register(wanted)
    assert plan.allowed, plan.refusals
    yield registration.apply_register(SYSTEM, wanted, plan)
    if any(status.name == "away-connect" for status in control.status()):
        control.stop("away-connect")
        control.wait_for(["away-connect"], ENDED, 60)
        control.apply([], ["away-connect"])
    workers.forget_worker("away")


def act(call: Api, name: str, **body: object) -> None:
    headers = {}
    if name == "remove":
        headers["If_Match"] = call("POST", f"{WORKER}?dry_run=true", {"act": name})["ETag"]
    answer = call("POST", WORKER, {"act": name, **body}, **headers)
    assert answer.status_code == 202, answer.content
    done = jobs.run(answer.json()["job"])
    assert done is not None
    done.refresh_from_db()
    assert (done.state, done.error) == ("succeeded", ""), (done.error, done.hint, done.steps)


def test_a_flow_into_an_external_cluster(
    away: Cluster,
    cluster: Cluster,
    far_spec: ClusterSpec,
    data_paths: DataPaths,
    gateway: KafkaGateway,
    make_topic: Callable[..., str],
    api: Callable[[Role], Api],
    prefix: str,
) -> None:
    anna, asked = (
        api(Role.ADMIN),
        FlowRequest(
            "main", "away", topics=(f"{prefix}*",), groups=(f"{prefix}*",), refresh_s=5, checkpoint_s=1
        ),
    )
    assert [each.code for each in services.plan_create(asked).refusals] == ["no_worker"]
    assert (
        "has no Connect worker"
        in signed_in(Role.ADMIN).get("/clusters/away/connect-worker/").content.decode()
    )

    plan = anna("POST", f"{WORKER}?dry_run=true", {"act": "start"}).json()
    assert plan["allowed"]
    assert [step["object_type"] for step in plan["steps"]] == ["connect worker"]
    assert any("all rights that Kastellan itself has there" in warning for warning in plan["warnings"])
    act(anna, "start")
    found = anna("GET", WORKER).json()
    assert (found["process"]["state"], found["principal"]) == ("RUNNING", "User:admin")
    worker = workers.worker_of("away")
    assert worker is not None
    assert worker.group.startswith("kastellan-connect-")
    there = gateway_for(away)
    assert set(worker.topics) <= {topic.name for topic in there.list_topics()}
    kept = data_paths.cluster("away").connect
    secret = password_of(far_spec, data_paths)
    assert secret not in kept.worker_properties.read_text() + kept.record.read_text()
    page = signed_in(Role.ADMIN).get("/clusters/away/connect-worker/").content.decode()
    assert "User:admin" in page

    topic = make_topic(f"{prefix}-orders", 1)
    driving.produce(cluster, topic, [str(number) for number in range(5)])
    refresh(cluster)
    planned = services.plan_create(asked)
    assert planned.refusals == ()
    assert not [step for step in planned.steps if step.object_type == "ACLs" and "away" in step.name]
    flow = services.apply_create(SYSTEM, asked, planned)
    copy = asked.copy_of(topic)
    eventually(lambda: driving.end_of(away, copy) == 5, timeout=90)
    group = f"{prefix}-app"
    driving.commit(cluster, topic, group, 5)
    refresh(cluster)
    eventually(lambda: driving.translated(asked, cluster, away) == 5, timeout=60)
    connect = selectors.connect_of(away)
    assert connect is not None
    config = connect.config("main->away.source")
    assert config["target.cluster.sasl.jaas.config"].startswith("${file:")
    assert secret not in str(config)

    # The registration now says another way in: worker and connectors follow.
    changed = ClusterRequest("away", "Away", connection=by_certificate(far_spec, data_paths))
    altered = registration.plan_alter(away, changed)
    assert altered.allowed, altered.refusals
    registration.apply_alter(SYSTEM, away, changed, altered)
    away = Cluster.objects.get(name="away")
    assert worker_services.follow(away)
    assert not worker_services.follow(away)
    # Until they follow too, connectors refer to a password that is no more.
    assert eventually(lambda: followed(flow), timeout=120)
    config = connect.config("main->away.source")
    assert (config["target.cluster.security.protocol"], config["target.cluster.alias"]) == ("SSL", "away")
    assert "target.cluster.sasl.jaas.config" not in config
    assert not following.follow(flow)
    driving.produce(cluster, topic, ["5", "6"])
    eventually(lambda: driving.end_of(away, copy) == 7, timeout=90)
    eventually(lambda: selectors.health(asked, away).state == "running", timeout=60)

    refused = registration.plan_remove(away)
    assert [each.code for each in refused.refusals] == ["needed"]
    assert "main->away" in refused.refusals[0].what
    assert "Connect worker" in refused.refusals[0].what

    # The connector writes down how far it is every five seconds; what it has not is not compared.
    eventually(lambda: watching.progress_of(asked, cluster, away).totals.records == 0, timeout=30)
    flow_page = "/clusters/away/replication/main/"
    assert "were not compared yet" in signed_in(Role.ADMIN).get(flow_page).content.decode()
    assert api(Role.VIEWER)("POST", "clusters/away/flows/main/compare/").status_code == 403
    begun = api(Role.OPERATOR)("POST", "clusters/away/flows/main/compare/")
    assert begun.status_code == 202, begun.content
    compared = jobs.run(begun.json()["job"])
    assert compared is not None
    compared.refresh_from_db()
    assert (compared.result or {})["missing"] == 0, compared.result
    assert (compared.result or {})["records_compared"] == 7
    shown = signed_in(Role.ADMIN).get(flow_page).content.decode()
    assert "alike" in shown
    assert str(compared.pk) in shown
    asks = signed_in(Role.OPERATOR).post(f"{flow_page}+compare/").content.decode()
    assert "it only reads" in asks

    run = driving.begin(flow, Kind.REHEARSAL)
    told = driving.take_all(run)
    assert told[Step.CHECK]["source_answers"] is True
    assert told[Step.VERIFY]["missing"] == 0, told[Step.VERIFY]

    services.apply_delete(SYSTEM, flow, services.plan_delete(flow))
    assert not [each for each in gateway.describe_user_scram_credentials() if each.user == "mm2-main-away"]
    act(anna, "remove")
    assert workers.worker_of("away") is None
    assert not kept.root.exists()
    assert registration.plan_remove(away).allowed
    rows = Operation.objects.filter(cluster="away")
    # The viewer's comparison, and nothing else.
    assert [row.action for row in rows if row.outcome != "succeeded"] == ["flow.operate"]


def followed(flow: Flow) -> bool:
    """A worker that restarts does not answer yet."""
    try:
        return following.follow(flow)
    except GatewayError:
        return False


def test_a_flow_from_an_external_cluster_follows_a_new_password() -> None:
    """Without a cluster: what the connectors are told."""
    from controlplane.replication.logic.connectors import Ends, registered_anew

    config = {
        "source.cluster.alias": "away",
        "source.cluster.bootstrap.servers": "old:9092",
        "source.cluster.sasl.mechanism": "PLAIN",
        "target.cluster.alias": "main",
        "target.cluster.bootstrap.servers": "here:9092",
        "topics": "a",
    }
    found = registered_anew(config, Ends({"bootstrap.servers": "new:9092"}, {}))
    assert found == {
        "source.cluster.alias": "away",
        "source.cluster.bootstrap.servers": "new:9092",
        "target.cluster.alias": "main",
        "target.cluster.bootstrap.servers": "here:9092",
        "topics": "a",
    }
    assert registered_anew(config, Ends({}, {})) == config
