"""Connectors on a real worker: file source to topic to file sink, changed, failed, operated, deleted; no secret at any door."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from broker.connect_spec import ConnectSpec
from controlplane.audit.models import Operation
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import refresh
from controlplane.connect import keeping
from controlplane.core.access import Role
from controlplane.gateways import broker as bundled
from controlplane.gateways import workers
from tests.conftest import Api
from tests.waiting import eventually
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db(transaction=True)
CONNECTORS = "clusters/main/connect/bundled/connectors/"
PAGES = "/clusters/main/connect/bundled/"
TEXT = "org.apache.kafka.connect.storage.StringConverter"
CANARY = "c4n4ry-9f8e7d6c"


@pytest.fixture
def anna(api: Callable[[Role], Api], cluster: Cluster, connect_worker: ConnectSpec) -> Api:
    return api(Role.ADMIN)


def put(call: Api, name: str, config: dict[str, str], **more: Any) -> Any:
    """A worker that shares its work out anew says so."""

    def settled() -> Any:
        answer = call("PUT", f"{CONNECTORS}{name}/", {"config": config, **more})
        return None if answer.status_code == 409 else answer

    answer = eventually(settled, timeout=60, every=1)
    assert answer.status_code == 200, answer.content
    return answer.json()


def remove(call: Api, name: str) -> None:
    tag = call("DELETE", f"{CONNECTORS}{name}/?dry_run=true")["ETag"]
    assert call("DELETE", f"{CONNECTORS}{name}/", If_Match=tag).status_code == 204


def test_a_file_becomes_a_topic_becomes_a_file(
    anna: Api, cluster: Cluster, make_topic: Callable[..., str], prefix: str
) -> None:
    topic = make_topic(f"{prefix}-lines", 1)
    refresh(cluster)
    files = workers.files_directory("main")
    (files / f"{prefix}-in.txt").write_text("one\ntwo\n")
    source, sink = f"{prefix}-source", f"{prefix}-sink"
    put(
        anna,
        source,
        {
            "connector.class": "FileStreamSource",
            "file": f"{prefix}-in.txt",
            "topic": topic,
            "value.converter": TEXT,
        },
    )
    put(
        anna,
        sink,
        {
            "connector.class": "FileStreamSink",
            "file": f"{prefix}-out.txt",
            "topics": topic,
            "value.converter": TEXT,
        },
    )
    out = files / f"{prefix}-out.txt"
    eventually(lambda: out.is_file() and out.read_text() == "one\ntwo\n", timeout=60)
    rows = {row["name"]: row for row in anna("GET", f"{CONNECTORS}?search={prefix}").json()["results"]}
    assert (rows[source]["kind"], rows[sink]["kind"], rows[source]["topics"]) == ("source", "sink", topic)
    stands = eventually(lambda: anna("GET", f"{CONNECTORS}{source}/offsets/").json()["offsets"], timeout=30)
    assert stands[0]["offset"]["position"] == 8

    refused = anna("DELETE", f"{CONNECTORS}{source}/offsets/?dry_run=true").json()
    assert [each["code"] for each in refused["refusals"]] == ["not_stopped"]
    assert anna("POST", f"{CONNECTORS}{source}/act/", {"act": "stop"}).json()["state"] == "STOPPED"
    tag = anna("DELETE", f"{CONNECTORS}{source}/offsets/?dry_run=true")["ETag"]
    assert anna("DELETE", f"{CONNECTORS}{source}/offsets/", If_Match=tag).status_code == 204
    assert anna("GET", f"{CONNECTORS}{source}/offsets/").json()["offsets"] == []
    anna("POST", f"{CONNECTORS}{source}/act/", {"act": "resume"})
    eventually(lambda: out.read_text() == "one\ntwo\none\ntwo\n", timeout=60)

    browser = signed_in(Role.ADMIN)
    for path in (
        "",
        f"{source}/",
        f"{source}/settings/",
        f"{source}/offsets/",
        f"{source}/+edit/",
        f"+new/?clone={source}",
    ):
        assert browser.get(f"{PAGES}{path}").status_code == 200, path
    for name in (source, sink):
        remove(anna, name)
    assert anna("GET", f"{CONNECTORS}{source}/").status_code == 404


def test_what_fails_says_why_and_starts_again(
    anna: Api, make_topic: Callable[..., str], prefix: str, cluster: Cluster
) -> None:
    topic = make_topic(f"{prefix}-bad", 1)
    (workers.files_directory("main") / f"{prefix}.txt").write_text("no json\n")
    broken = {
        "file": f"{prefix}-out.txt",
        "topics": topic,
        "connector.class": "FileStreamSink",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    }
    put(
        anna,
        f"{prefix}-s",
        {
            "connector.class": "FileStreamSource",
            "file": f"{prefix}.txt",
            "topic": topic,
            "value.converter": TEXT,
        },
    )
    put(anna, f"{prefix}-k", {**broken, "errors.tolerance": "none"})
    failed = eventually(
        lambda: [
            task
            for task in anna("GET", f"{CONNECTORS}{prefix}-k/").json()["tasks"]
            if task["state"] == "FAILED"
        ],
        timeout=60,
    )
    assert "DataException" in failed[0]["trace"]
    page = signed_in(Role.VIEWER).get(f"{PAGES}{prefix}-k/").content.decode()
    assert "DataException" in page
    put(anna, f"{prefix}-k", {**broken, "value.converter": TEXT})
    eventually(
        lambda: anna("GET", f"{CONNECTORS}{prefix}-k/").json()["tasks"][0]["state"] == "RUNNING", timeout=60
    )
    for name in ("s", "k"):
        remove(anna, f"{prefix}-{name}")


def test_a_secret_is_at_no_door_and_comes_back_unharmed(
    anna: Api, prefix: str, cluster: Cluster, caplog: Any
) -> None:
    name, config = (
        f"{prefix}-secret",
        {"connector.class": "FileStreamSource", "file": "x.txt", "topic": "t", "my.password": CANARY},
    )
    doors = [json.dumps(put(anna, name, config, initial_state="STOPPED"))]
    shown = anna("GET", f"{CONNECTORS}{name}/").json()["config"]
    assert shown["my.password"] == "[hidden]"
    doors.append(json.dumps(put(anna, name, {**shown, "tasks.max": "1"})))
    browser = signed_in(Role.ADMIN)
    doors += [browser.get(f"{PAGES}{name}/{tab}").content.decode() for tab in ("", "settings/", "+edit/")]
    doors += [anna("GET", CONNECTORS).content.decode(), caplog.text]
    doors += [json.dumps([row.plan, row.before, row.details]) for row in Operation.objects.all()]
    assert all(CANARY not in door for door in doors)
    worker = workers.worker_of("main")
    assert worker is not None
    reference = workers.rest_api(worker).config(name)["my.password"]
    assert workers.reader("main")(reference) == CANARY
    stored = everything_in("kastellan-connect-configs")
    assert name in stored
    assert CANARY not in stored
    file = Path(reference.removeprefix("${file:").partition(":")[0])
    own = f"{file.stem.rpartition('-')[0]}-*"
    assert [each.stat().st_mode & 0o777 for each in file.parent.glob(own)] == [0o600]
    stolen = {**config, "my.password": "fine", "note": reference}
    refused = anna("PUT", f"{CONNECTORS}{prefix}-thief/?dry_run=true", {"config": stolen}).json()
    assert [each["code"] for each in refused["refusals"]] == ["reference"]
    changed = anna(
        "PUT", f"{CONNECTORS}{name}/?dry_run=true", {"config": {**shown, "my.password": "another-one"}}
    ).json()
    assert "another-one" not in json.dumps(changed)
    new = anna("PUT", f"{CONNECTORS}{prefix}-new/?dry_run=true", {"config": shown}).json()
    assert "masked" in [refusal["code"] for refusal in new["refusals"]]
    elsewhere = {**shown, "target.url": "https://evil.example.org"}
    refused = anna("PUT", f"{CONNECTORS}{name}/?dry_run=true", {"config": elsewhere}).json()["refusals"]
    assert [("target.url" in each["hint"], each["code"]) for each in refused] == [(True, "masked")]
    put(anna, name, {**shown, "my.password": f"{CANARY}-2"})
    lost = file.with_name(f"{own[:-1]}00000000.properties")
    for each in (*file.parent.glob(own), lost):
        each.touch()
        os.utime(each, (0, 0))
    keeping.sweep_all()
    assert not lost.exists()
    assert workers.rest_api(worker).config(name)["my.password"] != reference
    assert [f"{CANARY}-2" in each.read_text() for each in file.parent.glob(own)] == [True]
    remove(anna, name)
    assert list(file.parent.glob(own)) == []


def everything_in(topic: str) -> str:
    """As it lies in the log of every broker."""
    logs = bundled.data_paths().root.glob(f"clusters/main/**/{topic}-*/*.log")
    return "".join(log.read_bytes().decode("latin-1") for log in logs)


def test_files_of_the_machine_are_out_of_reach(anna: Api, api: Callable[[Role], Api], prefix: str) -> None:
    files = workers.files_directory("main")
    link = files / f"{prefix}-link"
    link.symlink_to("/etc")
    base = {"connector.class": "FileStreamSource", "topic": "t"}
    for path in ("/etc/passwd", "../../secrets/key", f"{prefix}-link/passwd", ""):
        answer = anna("PUT", f"{CONNECTORS}{prefix}-x/", {"config": {**base, "file": path}})
        assert answer.status_code == 422, path
        assert "file" in [each["code"] for each in answer.json()["refusals"]]
    link.unlink()
    operator = api(Role.OPERATOR)("PUT", f"{CONNECTORS}{prefix}-x/", {"config": {**base, "file": "fine.txt"}})
    assert operator.status_code == 403
    assert anna("GET", f"{CONNECTORS}{prefix}-x/").status_code == 404
