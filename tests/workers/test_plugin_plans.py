"""Plans for plugins: what they say, what they refuse."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controlplane.core.plans import Risk, StepKind
from controlplane.gateways.connect import aliases
from controlplane.gateways.plugin_spec import Plugin, PluginClass, PluginFile
from controlplane.workers.logic.plans import WorkerState
from controlplane.workers.logic.plugins import PluginState, plan_install, plan_remove

WORKER = WorkerState(
    "main-connect", "http://x", "User:x", 512, process="RUNNING", alive=True, connectors=("orders",)
)
SINK = PluginClass("org.demo.DemoSinkConnector", "sink")
NEW = Plugin(
    "demo",
    "org.demo:demo:2",
    uploaded=False,
    files=(
        PluginFile("demo-2.jar", 2_000_000, "b" * 64, "org.demo:demo:2"),
        PluginFile("LICENSE", 10, "c" * 64),
    ),
    classes=(SINK,),
    left_out=("org.slf4j:slf4j-api:2",),
)
OLD = replace(NEW, origin="org.demo:demo:1", files=(PluginFile("demo-1.jar", 1_000, "a" * 64),))
STATE = PluginState(WORKER, connectors=(("orders", "FileStreamSource"),))


def test_every_jar_is_named_with_its_size_and_checksum() -> None:
    plan = plan_install("place", NEW, STATE, cluster="main")
    assert plan.allowed
    assert plan.risk is Risk.DISRUPTIVE
    assert [step.kind for step in plan.steps] == [StepKind.CREATE, StepKind.RUN]
    shown = {change.field: (change.before, change.after, change.note) for change in plan.steps[0].changes}
    assert shown["demo-2.jar"] == (None, "2 MB", f"SHA-256 {'b' * 64}, org.demo:demo:2")
    assert shown["source"] == (None, "org.demo:demo:2", "")
    assert shown["offers"][1] == SINK.name
    assert shown["other files"][1] == "1"
    assert any("slf4j" in warning for warning in plan.warnings)
    assert any("Its code runs in the worker" in warning for warning in plan.warnings)
    assert [each.name for each in plan.affected] == ["orders"]
    assert plan.api is not None
    assert plan.api.path == "clusters/main/connect-worker/plugins/staged/place/install/"


def test_a_newer_one_shows_what_goes_and_what_comes() -> None:
    plan = plan_install("place", NEW, replace(STATE, installed=(OLD,)), cluster="main")
    assert plan.steps[0].kind is StepKind.ALTER
    shown = {change.field: (change.before, change.after) for change in plan.steps[0].changes}
    assert (shown["demo-1.jar"], shown["demo-2.jar"]) == (("1 kB", None), (None, "2 MB"))
    assert plan.undo == "Install org.demo:demo:1 again."


def test_a_worker_that_is_stopped_is_left_so() -> None:
    stopped = replace(STATE, worker=replace(WORKER, alive=False, process="STOPPED", connectors=None))
    plan = plan_install("place", NEW, stopped, cluster="main")
    assert [step.kind for step in plan.steps] == [StepKind.CREATE]
    assert plan.risk is Risk.REVERSIBLE
    assert plan.affected == ()


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (replace(STATE, worker=replace(WORKER, process=None, alive=False)), "no_worker"),
        (replace(STATE, by_hand=("demo",)), "by_hand"),
        (replace(STATE, installed=(NEW,)), "installed"),
    ],
)
def test_what_is_not_installed(state: PluginState, code: str) -> None:
    assert [each.code for each in plan_install("place", NEW, state, cluster="main").refusals] == [code]


def test_two_plugins_that_offer_one_class_are_told() -> None:
    other = replace(OLD, name="demo-old")
    plan = plan_install("place", NEW, replace(STATE, installed=(other,)), cluster="main")
    assert any("demo-old offers" in warning for warning in plan.warnings)


@pytest.mark.parametrize("used", aliases(SINK.name))
def test_a_plugin_in_use_stays_however_its_class_is_written(used: str) -> None:
    state = replace(STATE, installed=(NEW,), connectors=(("to-demo", used), ("x", "Other")))
    refusal = plan_remove(NEW, state, cluster="main").refusals[0]
    assert (refusal.code, "to-demo" in refusal.what) == ("in_use", True)
    free = plan_remove(NEW, replace(state, connectors=()), cluster="main")
    assert free.allowed
    assert free.steps[0].kind is StepKind.DELETE
    unknown = plan_remove(NEW, replace(state, connectors=None), cluster="main")
    assert [each.code for each in unknown.refusals] == ["unknown_use"]


def test_the_digest_follows_files_and_worker() -> None:
    one = plan_install("place", NEW, STATE, cluster="main").digest
    assert one != plan_install("place", OLD, STATE, cluster="main").digest
    assert (
        one
        != plan_install(
            "place", NEW, replace(STATE, worker=replace(WORKER, connectors=())), cluster="main"
        ).digest
    )
    assert one == plan_install("place", NEW, STATE, cluster="main").digest
