"""A plugin on a real worker: uploaded, reviewed, installed, locked; one that the worker does not take is put back."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from broker.artifacts import Lock
from broker.connect_spec import ConnectSpec
from broker.paths import DataPaths
from broker.spec import ClusterSpec
from controlplane.audit.models import Operation
from controlplane.clusters.models import Cluster
from controlplane.core.access import Role
from controlplane.gateways import plugins as gateway
from controlplane.gateways import workers
from controlplane.gateways.errors import InvalidRequest
from controlplane.jobs import services as jobs
from controlplane.jobs.models import Job
from tests.conftest import Api
from tests.waiting import eventually
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db(transaction=True)
API = "clusters/main/connect-worker/plugins/"
PAGES = "/clusters/main/connect-worker/plugins/"
SINK = "META-INF/services/org.apache.kafka.connect.sink.SinkConnector"
OFFERED = "org.apache.kafka.connect.file.FileStreamSinkConnector"


@pytest.fixture
def anna(api: Callable[[Role], Api], cluster: Cluster, connect_worker: ConnectSpec) -> Iterator[Api]:
    # Other tests leave connectors behind that use what the plugin here offers too.
    for name in (worker := workers.rest_api(connect_worker)).names():
        worker.delete(name)
    yield api(Role.ADMIN)
    for plugin in gateway.installed("main"):
        gateway.remove("main", plugin.name)
    for place in gateway.staged("main"):
        gateway.discard("main", place)


def archive(jar: bytes, name: str = "demo") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as opened:
        opened.writestr(f"{name}/{name}.jar", jar)
        opened.writestr(f"{name}/LICENSE", "free")
    return made.getvalue()


def that_offers(name: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as opened:
        opened.writestr(SINK, name)
    return made.getvalue()


def done(job: str) -> Job:
    found = jobs.run(job)
    assert found is not None
    found.refresh_from_db()
    return found


def sent(call: Api, data: bytes, filename: str) -> Any:
    """As `curl --data-binary` does."""
    return call.client.generic("POST", f"/api/v1/{API}uploads/{filename}/", data, "application/octet-stream")


def brought(call: Api, data: bytes, filename: str) -> str:
    answer = sent(call, data, filename)
    assert answer.status_code == 202, answer.content
    job = done(answer.json()["job"])
    assert job.state == "succeeded", (job.error, job.hint)
    return str(job.result["staged"]) if job.result else ""


def test_a_plugin_from_its_upload_to_its_removal(
    anna: Api, data_paths: DataPaths, cluster_spec: ClusterSpec, connect_worker: ConnectSpec
) -> None:
    files = next(item for item in Lock.load().select({"connect"}) if item.file.startswith("connect-file"))
    place = brought(anna, archive((data_paths.artifacts / files.path).read_bytes()), "demo.zip")
    waiting = anna("GET", f"{API}staged/{place}/").json()
    assert [file["path"] for file in waiting["files"]] == ["LICENSE", "demo.jar"]
    assert waiting["files"][1]["sha256"] == files.sha256
    assert OFFERED in [each["name"] for each in waiting["classes"]]
    browser = signed_in(Role.ADMIN)
    assert "Review plan" in browser.get(PAGES).content.decode()
    review = browser.get(f"{PAGES}staged/{place}/")
    assert files.sha256 in review.content.decode()
    asked = browser.post(f"{PAGES}staged/{place}/", {"digest": review.context["plan"].digest})
    job = done(asked["Location"].rstrip("/").rpartition("/")[2])
    assert job.state == "succeeded", (job.error, job.hint, job.steps)
    assert [row["state"] for row in anna("GET", API).json()["results"]] == ["installed"]
    assert files.sha256 in browser.get(f"{PAGES}installed/demo/").content.decode()
    assert "Install or remove" in browser.get("/clusters/main/connect/bundled/+plugins/").content.decode()
    assert workers.rest_api(connect_worker).plugins()

    jar = data_paths.cluster("main").connect.plugins / "demo/demo.jar"
    good = jar.read_bytes()
    jar.write_bytes(that_offers("org.demo.Evil"))
    with pytest.raises(InvalidRequest, match="not the one that was reviewed"):
        workers.worker_process(connect_worker)
    jar.write_bytes(good)

    path = f"{API}demo/"

    def removing() -> Any:
        """A worker that was just started may not tell its connectors yet, and then does: that is another state."""
        tag = anna("DELETE", f"{path}?dry_run=true")["ETag"]
        answer = anna("DELETE", path, If_Match=tag)
        return answer if answer.status_code == 202 else None

    job = done(eventually(removing, timeout=30).json()["job"])
    assert job.state == "succeeded", (job.error, job.hint)
    assert not jar.exists()
    assert anna("GET", path).status_code == 404
    told = Operation.objects.filter(action="connect_plugin.manage", outcome="succeeded").order_by("pk")
    assert [row.details.get("act", "brought") for row in told] == ["brought", "install", "remove"]


def test_what_the_worker_does_not_take_is_put_back_and_said(anna: Api, connect_worker: ConnectSpec) -> None:
    place = brought(anna, that_offers("org.demo.NotThere"), "hollow.jar")
    job = done(anna("POST", f"{API}staged/{place}/install/").json()["job"])
    assert job.state == "failed"
    assert "does not offer org.demo.NotThere" in job.error
    assert gateway.installed("main") == ()
    assert [each.name for each in gateway.staged("main").values()] == ["hollow"]
    assert OFFERED in [each.name for each in workers.rest_api(connect_worker).plugins()]
    assert anna("DELETE", f"{API}staged/{place}/").status_code == 204
    assert gateway.staged("main") == {}


def test_what_is_wrong_is_said_and_leaves_nothing(anna: Api, api: Callable[[Role], Api]) -> None:
    answer = anna("POST", API, {"coordinates": "not coordinates"})
    assert answer.status_code in (400, 422)
    assert "group:artifact:version" in answer.content.decode()
    assert answer.json()["title"] == "It cannot be done"
    answer = sent(anna, b"not a zip", "x.zip")
    job = done(answer.json()["job"])
    assert (job.state, "cannot be read" in job.error) == ("failed", True)
    empty = sent(anna, b"", "x.zip")
    assert empty.status_code in (400, 422)
    assert gateway.staged("main") == {}
    for role in (Role.VIEWER, Role.OPERATOR):
        assert api(role)("POST", API, {"coordinates": "g:a:1"}).status_code == 403
        assert signed_in(role).get(f"{PAGES}new/").status_code == 403
    assert anna("POST", f"{API}staged/nothing/install/").status_code == 404


def test_the_form_takes_one_of_the_two(anna: Api) -> None:
    browser = signed_in(Role.ADMIN)
    both: dict[str, Any] = {"coordinates": "g:a:1", "file": SimpleUploadedFile("a.jar", b"x")}
    for data in ({}, both):
        answer = browser.post(f"{PAGES}new/", data)
        assert (answer.status_code, "one of the two" in answer.content.decode()) == (422, True)
    answer = browser.post(
        f"{PAGES}new/", {"file": SimpleUploadedFile("demo.jar", that_offers("org.demo.X")), "name": "mine"}
    )
    job = done(answer["Location"].rstrip("/").rpartition("/")[2])
    assert job.state == "succeeded", job.error
    assert job.result
    assert job.result["plugin"] == "mine"
    page = browser.get(answer["Location"]).content.decode()
    assert f"{PAGES}staged/{job.result['staged']}/" in page
