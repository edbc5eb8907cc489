"""A second bundled cluster for real: made by the API, used, stopped, started, removed; nothing of it is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from broker.control import ControlClient
from broker.paths import DataPaths
from controlplane.accounts.models import RoleGrant
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for
from controlplane.core.access import Role
from controlplane.gateways import broker as bundled
from controlplane.gateways import bundling
from controlplane.jobs import services as jobs
from tests.conftest import Api
from tests.waiting import eventually
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db(transaction=True)
NAME = "annex"


@pytest.fixture(autouse=True)
def _nothing_is_left(data_paths: DataPaths, control: ControlClient) -> Iterator[None]:
    yield
    spec = next((each for each in bundled.bundled_clusters() if each.name == NAME), None)
    if spec is None:
        return
    names = [spec.process_name(node) for node in spec.nodes]
    known = {status.name for status in control.status()}
    for name in (each for each in names if each in known):
        control.stop(name)
        control.wait_for([name], bundled.AT_REST, 90)
    control.apply([], [name for name in names if name in known])
    bundling.forget(spec, delete_data=True)


def done(answer: Any) -> Any:
    assert answer.status_code == 202, answer.content
    job = jobs.run(answer.json()["job"])
    assert job is not None
    job.refresh_from_db()
    assert (job.state, job.error) == ("succeeded", ""), (job.error, job.hint, job.steps)
    return job


def test_a_second_cluster_from_its_making_to_its_removal(
    cluster: Cluster, data_paths: DataPaths, api: Callable[[Role], Api]
) -> None:
    anna, browser = api(Role.ADMIN), signed_in(Role.ADMIN)
    assert api(Role.OPERATOR)("POST", "bundled-clusters/", {"name": NAME}).status_code == 403
    taken = anna("POST", "bundled-clusters/", {"name": "main"})
    assert taken.status_code == 422
    assert "There is a cluster main" in taken.content.decode()
    review = browser.post("/clusters/+bundled/", {"name": NAME, "brokers": "1"})
    assert "about 400 MB" in review.content.decode()

    done(anna("POST", "bundled-clusters/", {"name": NAME, "title": "The annex"}))
    row = Cluster.objects.get(name=NAME)
    assert (row.title, row.external) == ("The annex", False)
    gateway = gateway_for(row)
    gateway.create_topic("there", 1, 1, {})
    eventually(lambda: "there" in {topic.name for topic in gateway.list_topics()}, timeout=30)
    assert (data_paths.root / "clients" / NAME / "admin" / "kcat.conf").is_file()
    for path in (
        "/clusters/",
        f"/clusters/{NAME}/",
        f"/clusters/{NAME}/brokers/",
        f"/clusters/{NAME}/certificates/",
    ):
        assert browser.get(path).status_code == 200

    acts = f"clusters/{NAME}/bundled/"
    tag = anna("POST", f"{acts}?dry_run=true", {"act": "stop"})["ETag"]
    assert anna("POST", acts, {"act": "stop"}).status_code == 428
    done(anna("POST", acts, {"act": "stop"}, If_Match=tag))
    assert bundled.bundled_cluster(NAME).stopped
    done(anna("POST", acts, {"act": "start"}))
    assert not bundled.bundled_cluster(NAME).stopped
    eventually(lambda: gateway_for(row).describe_cluster().brokers, timeout=30)

    RoleGrant.objects.create(user=signed_user(), cluster=NAME, role=Role.VIEWER.value)
    tag = anna("POST", f"{acts}?dry_run=true", {"act": "remove"})["ETag"]
    job = done(anna("POST", acts, {"act": "remove"}, If_Match=tag))
    assert job.result["cluster"] == NAME
    assert not Cluster.objects.filter(name=NAME).exists()
    assert not RoleGrant.objects.filter(cluster=NAME).exists()
    assert all(spec.name != NAME for spec in bundled.bundled_clusters())
    assert all(not status.name.startswith(NAME) for status in bundled.processes())
    (aside,) = data_paths.removed.glob(f"{NAME}-*")
    assert (aside / "cluster.json").is_file()
    assert not (data_paths.root / "clients" / NAME).exists()
    first = anna("POST", "clusters/main/bundled/?dry_run=true", {"act": "remove"}).json()
    assert [refusal["code"] for refusal in first["refusals"]] == ["first"]


def signed_user() -> Any:
    from controlplane.accounts.models import User

    return User.objects.create_user(username="annex-only", password="long-enough-password")
