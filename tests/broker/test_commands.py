"""`python -m broker`: what it prints and how it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.__main__ import main
from tests.broker.supervised import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.close()


def run(rig: Rig, *arguments: str) -> int:
    command, *rest = arguments
    return main([command, "--data", str(rig.paths.root), *rest])


@pytest.mark.parametrize(
    "arguments", [[], ["frob"], ["up", "--brokers", "0"], ["up", "--brokers", "x"], ["roll", "x"]]
)
def test_wrong_usage_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_status_without_a_supervisor_fails_with_the_reason(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(rig, "status") == 1
    assert capsys.readouterr().err == (
        "kastellan: Nothing is supervised for this data directory.\n  Start it: python -m broker up\n"
    )


def test_down_with_nothing_running_is_done(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(rig, "down") == 0
    assert capsys.readouterr().out == "Nothing is running.\n"


def test_status_shows_the_processes_for_people_and_for_programs(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.supervise()
    rig.client.apply([rig.spec("one")])
    rig.client.wait_ready(["one"], 10)
    assert run(rig, "status") == 0
    assert "one                  running" in capsys.readouterr().out
    assert run(rig, "status", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["processes"][0]["pid"] == rig.pid("one")
    assert shown["clusters"] == []


def test_down_stops_everything(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.supervise()
    rig.client.apply([rig.spec("one")])
    rig.client.wait_ready(["one"], 10)
    assert run(rig, "down") == 0
    assert capsys.readouterr().out.endswith("Everything is stopped.\n")
    assert not rig.marked()


def test_down_stops_what_a_dead_supervisor_left(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    supervisor = rig.supervise()
    rig.client.apply([rig.spec("one")])
    rig.client.wait_ready(["one"], 10)
    rig.kill(supervisor)
    assert run(rig, "down") == 0
    assert "stopping the 1 process(es) it left" in capsys.readouterr().out
    assert not rig.marked()


def test_logs_show_the_end_of_one_log_or_of_all(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.paths.log("a").write_text("1\n2\n3\n")
    assert run(rig, "logs", "a", "-n", "2") == 0
    assert capsys.readouterr().out == "2\n3\n"
    rig.paths.log("b").write_text("4\n")
    assert run(rig, "logs") == 0
    assert capsys.readouterr().out == "a: 1\na: 2\na: 3\nb: 4\n"
    assert run(rig, "logs", "nobody") == 1
    assert capsys.readouterr().err == "kastellan: There is no log named nobody.\n  Known: a, b\n"


def test_roll_without_a_cluster_fails_with_the_reason(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(rig, "roll") == 1
    assert "There is no cluster in this data directory." in capsys.readouterr().err
