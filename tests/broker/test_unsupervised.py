"""D6: a dead supervisor leaves its children running; every answer says so, and nobody else is accused of their ports."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.states import ProcessState
from broker.unsupervised import REASON, observe
from controlplane.cli import doctor, status
from controlplane.cli.doctor import Level
from tests.broker.supervised import Rig, alive
from tests.waiting import eventually

SERVER = (
    "import socket, time; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); "
    "open('port', 'w').write(str(s.getsockname()[1])); print('ready', flush=True); time.sleep(600)"
)


@pytest.fixture
def left(tmp_path: Path) -> Iterator[Rig]:
    """`web` serves a port; its supervisor has been killed."""
    rig = Rig(tmp_path)
    supervisor = rig.supervise()
    rig.client.apply([rig.spec("web", SERVER), rig.spec("ended")])
    rig.client.wait_ready(["web", "ended"], 15)
    rig.client.stop("ended")
    rig.client.wait_for(["ended"], frozenset({ProcessState.STOPPED}), 15)
    rig.kill(supervisor)
    yield rig
    rig.close()


def test_what_a_dead_supervisor_left_is_shown_with_its_pid(left: Rig) -> None:
    observed = observe(left.paths)
    assert not observed.supervised
    by_name = {each.name: each for each in observed.statuses}
    web = by_name["web"]
    assert web.pid is not None
    assert alive(web.pid)
    assert (web.state, web.reason) == (ProcessState.RUNNING, REASON)
    assert web.rss_bytes
    assert (by_name["ended"].state, by_name["ended"].pid) == (ProcessState.STOPPED, None)
    assert [each.name for each in observed.abandoned] == ["web"]


def test_status_says_that_supervision_is_gone(left: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    assert status.status(left.paths, as_json=False) == 1
    told = capsys.readouterr().out
    assert "The supervisor does not run" in told
    assert "not running" not in told
    assert status.status(left.paths, as_json=True) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["supervised"] is False
    assert {row["name"]: row["pid"] is not None for row in report["processes"]} == {
        "web": True,
        "ended": False,
    }


def test_doctor_names_the_cause_and_accuses_no_other_program(left: Rig) -> None:
    port = int((left.paths.root / "port").read_text())
    left.paths.settings.write_text(json.dumps({"host": "127.0.0.1", "port": port}))
    assert doctor.check_web_port(left.paths).level is Level.OK
    finding = doctor.check_processes(left.paths)
    assert finding.level is Level.FAIL
    assert finding.what == "the supervisor does not run, but these do: web"
    assert "nothing restarts" in finding.hint


def test_a_port_that_is_really_somebody_elses_is_still_told(left: Rig) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        left.paths.settings.write_text(json.dumps({"host": "127.0.0.1", "port": other.getsockname()[1]}))
        pid = observe(left.paths).abandoned[0].pid
        assert pid is not None
        left.kill_child(pid)
        eventually(lambda: not observe(left.paths).statuses)
        assert doctor.check_web_port(left.paths).level is Level.FAIL


def test_with_a_supervisor_the_statuses_are_its_own(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    try:
        rig.supervise()
        rig.client.apply([rig.spec("one")])
        rig.client.wait_ready(["one"], 15)
        observed = observe(rig.paths)
        assert observed.supervised
        assert observed.statuses[0].reason is None
        assert observed.abandoned == ()
    finally:
        rig.close()


def test_nothing_at_all_is_nothing(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    observed = observe(rig.paths)
    assert (observed.supervised, observed.statuses) == (False, ())
