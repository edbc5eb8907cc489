"""Real processes under a real supervisor: adoption after its death, foreign pids, crash loops, stops, log rotation."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker import logs, process, reconcile, record
from broker.control import ControlError, NotReached, ensure_supervisor
from broker.process import Verdict
from broker.processes import Child, HttpReady, ProcessStatus, Ready, TcpReady, UnixReady
from broker.states import ProcessState
from broker.supervisor import Supervisor
from tests.broker.supervised import CRASHER, ROOT, SLEEPER, STUBBORN, Rig, alive
from tests.waiting import eventually

# A supervisor killed by a test leaves its Popen objects' children to init; that is the point.
pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.close()


def test_it_starts_what_is_applied_and_says_when_it_is_ready(rig: Rig) -> None:
    rig.supervise()
    rig.client.apply([rig.spec("one"), rig.spec("two")])
    seen: list[str] = []
    statuses = rig.client.wait_ready(
        ["one", "two"], 10, lambda status: seen.append(f"{status.name} {status.state}")
    )
    assert {status.state for status in statuses} == {ProcessState.RUNNING}
    assert seen[-1].endswith("RUNNING")
    one = rig.status("one")
    assert one.pid is not None
    assert alive(one.pid)
    assert one.rss_bytes is not None
    assert one.rss_bytes > 1024 * 1024
    assert abs(one.since - time.time()) < 10


def test_a_killed_supervisor_leaves_its_children_and_the_next_adopts_them(rig: Rig) -> None:
    first = rig.supervise()
    rig.client.apply([rig.spec("one"), rig.spec("two", depends_on=("one",))])
    rig.client.wait_ready(["one", "two"], 10)
    before = {status.name: (status.pid, status.since) for status in rig.client.status()}
    rig.kill(first)
    assert all(pid is not None and alive(pid) for pid, _ in before.values())
    started = time.monotonic()
    rig.supervise()
    after = {status.name: status for status in rig.client.wait_ready(["one", "two"], 10)}
    assert time.monotonic() - started < 10
    assert {name: status.pid for name, status in after.items()} == {
        name: pid for name, (pid, _) in before.items()
    }
    assert [status.restarts for status in after.values()] == [0, 0]
    assert all(abs(status.since - before[name][1]) < 2 for name, status in after.items())


def test_an_adopted_child_that_dies_is_noticed_at_once_and_started_again(rig: Rig) -> None:
    rig.kill(_with_one_running(rig))
    rig.supervise()
    pid = rig.pid("one")
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: rig.status("one").state is not ProcessState.RUNNING, timeout=1)
    eventually(lambda: rig.status("one").state is ProcessState.RUNNING and rig.pid("one") != pid, timeout=10)
    assert rig.status("one").restarts == 1


def test_an_adopted_child_is_stopped_like_any_other(rig: Rig) -> None:
    rig.kill(_with_one_running(rig))
    rig.supervise()
    pid = rig.pid("one")
    rig.client.stop("one")
    rig.client.wait_for(["one"], frozenset({ProcessState.STOPPED}), 10)
    assert not alive(pid)


def test_a_child_that_died_while_nobody_watched_is_started_again(rig: Rig) -> None:
    rig.kill(_with_one_running(rig))
    (pid,) = rig.marked("one")
    os.kill(pid, signal.SIGKILL)
    rig.supervise()
    (status,) = rig.client.wait_ready(["one"], 10)
    assert status.pid != pid
    assert status.restarts == 1


def test_a_child_that_was_started_but_not_recorded_is_found_again(rig: Rig) -> None:
    rig.kill(_with_one_running(rig))
    (pid,) = rig.marked("one")
    raw = json.loads(rig.paths.processes.read_text())
    raw["processes"][0].update(child=None, state="STARTING")
    record.save(rig.paths.processes, raw)
    rig.supervise()
    rig.client.wait_ready(["one"], 10)
    assert rig.marked("one") == {pid}
    assert rig.pid("one") == pid


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param({}, id="the pid alone"),
        pytest.param({"start_ticks": True}, id="pid and start time"),
    ],
)
def test_a_foreign_process_in_a_forged_record_receives_no_signal(rig: Rig, forge: dict[str, bool]) -> None:
    rig.kill(_with_one_running(rig))
    (own,) = rig.marked("one")
    os.kill(own, signal.SIGKILL)
    foreign = subprocess.Popen(
        [sys.executable, "-c", _TELLS_SIGNALS], stdout=subprocess.PIPE, stdin=subprocess.PIPE
    )
    assert foreign.stdout is not None
    assert foreign.stdout.readline() == b"ready\n"
    stat = process.read_stat(foreign.pid)
    assert stat is not None
    raw = json.loads(rig.paths.processes.read_text())
    child = raw["processes"][0]["child"]
    child["pid"] = foreign.pid
    if forge.get("start_ticks"):
        child["start_ticks"] = stat.start_ticks
    record.save(rig.paths.processes, raw)
    rig.supervise()
    (status,) = rig.client.wait_ready(["one"], 10)
    assert status.pid != foreign.pid
    rig.client.shutdown()
    rig.client.wait_gone(10)
    assert foreign.poll() is None
    out, _ = foreign.communicate(b"\n", 5)
    assert out == b"no signal\n"


_TELLS_SIGNALS = """
import signal, sys
got = []
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(number, lambda n, f: got.append(n))
print('ready', flush=True)
sys.stdin.readline()
print('no signal' if not got else got, flush=True)
"""


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, Verdict.OURS),
        ({"boot_id": "another"}, Verdict.OTHER_BOOT),
        ({"start_ticks": 1}, Verdict.OTHER_START),
        ({"identity": ("something else",)}, Verdict.OTHER_ARGV),
        ({"identity": ()}, Verdict.OTHER_ARGV),
        ({"pid": 2**22 + 1}, Verdict.GONE),
    ],
)
def test_a_recorded_process_is_ours_only_if_everything_agrees(
    change: dict[str, object], verdict: Verdict
) -> None:
    stat = process.read_stat(os.getpid())
    assert stat is not None
    own = {
        "pid": os.getpid(),
        "start_ticks": stat.start_ticks,
        "boot_id": process.boot_id(),
        "identity": ("python",),
        "marker": "",
    }
    assert process.verify(Child.from_json({**own, **change})) is verdict


@pytest.mark.slow
def test_a_crash_loop_backs_off_and_ends_in_fatal_with_the_last_lines(rig: Rig) -> None:
    rig.supervise()
    rig.client.apply([rig.spec("one", CRASHER)])
    status = eventually(lambda: _if_state(rig, "one", ProcessState.FATAL), timeout=40)
    assert status.restarts == 4
    assert status.exit_code == 3
    assert status.reason is not None
    assert "exited with code 3" in status.reason
    assert status.last_lines == ("ERROR it does not work",)
    assert status.cause == "unknown"


def test_a_fatal_process_stays_so_under_the_next_supervisor_until_someone_starts_it(rig: Rig) -> None:
    rig.supervise()
    rig.client.apply([rig.spec("one", "raise OSError(28, 'No space left on device')")])
    with pytest.raises(NotReached, match="disk is full"):
        rig.client.wait_ready(["one"], 10)
    rig.kill(rig.last_supervisor)
    rig.supervise()
    assert rig.status("one").state is ProcessState.FATAL
    rig.client.apply([rig.spec("one")])
    rig.client.wait_ready(["one"], 10)


def test_a_stop_escalates_to_sigkill_for_the_whole_group(rig: Rig) -> None:
    rig.supervise()
    rig.client.apply([rig.spec("one", STUBBORN, stop_timeout=0.5)])
    rig.client.wait_ready(["one"], 10)
    group = eventually(lambda: pids if len(pids := rig.marked("one")) == 2 else None)
    rig.client.stop("one")
    rig.client.wait_for(["one"], frozenset({ProcessState.STOPPED}), 10)
    eventually(lambda: not any(alive(pid) for pid in group))


def test_what_a_crashed_leader_leaves_in_its_group_is_ended_before_the_next_start(rig: Rig) -> None:
    rig.supervise()
    rig.client.apply([rig.spec("one", STUBBORN)])
    rig.client.wait_ready(["one"], 10)
    group = eventually(lambda: pids if len(pids := rig.marked("one")) == 2 else None)
    os.kill(rig.pid("one"), signal.SIGKILL)
    eventually(lambda: not any(alive(pid) for pid in group))
    rig.client.wait_ready(["one"], 10)


def test_a_start_that_takes_too_long_is_ended_and_explained(rig: Rig) -> None:
    rig.supervise()
    rig.client.apply([rig.spec("one", "import time; time.sleep(600)", start_timeout=0.5)])
    status = eventually(lambda: _if_state(rig, "one", ProcessState.BACKOFF), timeout=10)
    assert status.cause == "start_timeout"
    assert status.reason is not None
    assert "not ready" in status.reason


def test_dependencies_start_first_and_stop_last(rig: Rig) -> None:
    rig.supervise()
    slow = "import time; time.sleep(0.5); " + SLEEPER
    rig.client.apply([rig.spec("web", depends_on=("redis",)), rig.spec("redis", slow)])
    waiting = rig.status("web")
    assert waiting.state is ProcessState.STOPPED
    assert waiting.reason == "Waits for redis."
    rig.client.wait_ready(["web", "redis"], 10)
    order: list[str] = []
    rig.client.shutdown()
    rig.client.wait_gone(
        10, lambda status: order.append(status.name) if status.state is ProcessState.STOPPING else None
    )
    assert not rig.marked()
    log = rig.log("supervisor")
    assert log.index("web: STOPPING -> STOPPED") < log.index("redis: RUNNING -> STOPPING")


def test_sigterm_stops_everything_and_the_next_supervisor_starts_it_again(rig: Rig) -> None:
    supervisor = _with_one_running(rig)
    supervisor.terminate()
    assert supervisor.wait(10) == 0
    assert not rig.marked()
    rig.supervise()
    rig.client.wait_ready(["one"], 10)


def test_after_a_shutdown_nothing_is_wanted_until_it_is_applied_again(rig: Rig) -> None:
    supervisor = _with_one_running(rig)
    rig.client.shutdown()
    assert supervisor.wait(10) == 0
    rig.supervise()
    assert rig.status("one").state is ProcessState.STOPPED
    rig.client.apply([rig.spec("one")])
    rig.client.wait_ready(["one"], 10)


def test_a_supervisor_may_leave_its_children_on_request(rig: Rig) -> None:
    supervisor = _with_one_running(rig)
    pid = rig.pid("one")
    rig.client.shutdown(stop_children=False)
    assert supervisor.wait(10) == 0
    assert alive(pid)
    rig.supervise()
    assert rig.pid("one") == pid


def test_a_second_supervisor_is_refused_and_names_the_first(rig: Rig) -> None:
    first = rig.supervise()
    second = subprocess.run(
        [sys.executable, "-m", "broker", "supervise", "--data", str(rig.paths.root)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert second.returncode == 1
    assert f"process {first.pid}" in second.stderr
    assert rig.answers()


def test_many_callers_at_once_get_one_supervisor(rig: Rig) -> None:
    pids: list[int] = []
    callers = [
        threading.Thread(target=lambda: pids.append(ensure_supervisor(rig.paths).ping()["pid"]))
        for _ in range(3)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(30)
    assert len(pids) == 3
    assert len(set(pids)) == 1
    rig.client.shutdown()
    rig.client.wait_gone(10)


def test_restart_gives_a_new_process_that_has_the_new_specification(rig: Rig) -> None:
    _with_one_running(rig)
    before = rig.pid("one")
    rig.client.apply([rig.spec("one", SLEEPER + " # changed")])
    assert rig.pid("one") == before
    rig.client.restart("one")
    eventually(lambda: (status := rig.status("one")).state is ProcessState.RUNNING and status.pid != before)
    assert any("# changed" in part for part in process.read_argv(rig.pid("one")))
    assert rig.status("one").restarts == 0


def test_a_removed_process_is_stopped_and_forgotten(rig: Rig) -> None:
    _with_one_running(rig)
    rig.client.apply([], remove=["one"])
    eventually(lambda: rig.client.status() == ())
    assert not rig.marked("one")


def test_a_taken_port_is_told_within_two_seconds_and_names_its_owner(rig: Rig) -> None:
    rig.supervise()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        rig.client.apply([rig.spec("one", ports=(f"127.0.0.1:{port}",))])
        status = eventually(lambda: _if_state(rig, "one", ProcessState.FATAL), timeout=2)
    assert status.cause == "port_taken"
    assert status.reason is not None
    assert f"127.0.0.1:{port}" in status.reason
    assert f"process {os.getpid()}" in status.reason


def test_a_program_that_is_not_there_is_told_at_once(rig: Rig) -> None:
    rig.supervise()
    spec = rig.spec("one")
    missing = type(spec).from_json({**spec.to_json(), "argv": ["/nowhere/java"]})
    rig.client.apply([missing])
    status = eventually(lambda: _if_state(rig, "one", ProcessState.FATAL), timeout=2)
    assert status.reason == "/nowhere/java cannot be executed: No such file or directory."


@pytest.mark.parametrize("kind", ["tcp", "unix", "http"])
def test_readiness_is_asked_over_the_network(rig: Rig, kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    path = rig.paths.run / "s"
    codes = {
        "tcp": f"import socket, time; s = socket.create_server(('127.0.0.1', {port})); time.sleep(600)",
        "unix": f"import socket, time; s = socket.socket(socket.AF_UNIX); s.bind({str(path)!r}); s.listen(); time.sleep(600)",
        "http": f"import http.server as h; h.HTTPServer(('127.0.0.1', {port}), h.SimpleHTTPRequestHandler).serve_forever()",
    }
    ready: dict[str, Ready] = {
        "tcp": TcpReady("127.0.0.1", port),
        "unix": UnixReady(str(path)),
        "http": HttpReady(f"http://127.0.0.1:{port}/"),
    }
    rig.supervise()
    rig.client.apply([rig.spec("one", codes[kind], ready=ready[kind])])
    rig.client.wait_ready(["one"], 10)


def test_a_log_is_rotated_under_its_writer_and_five_are_kept(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for turn in range(8):
        os.write(fd, f"turn {turn}\n".encode() * 100)
        assert logs.rotate(log, at=500)
    os.write(fd, b"after\n")
    os.close(fd)
    assert log.read_text() == "after\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.log", *(f"x.log.{n}" for n in range(1, 6))]
    assert (tmp_path / "x.log.1").read_text().startswith("turn 7\n")
    assert (tmp_path / "x.log.5").read_text().startswith("turn 3\n")


def test_a_follower_reads_on_after_a_rotation(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("old\n")
    follower = logs.Follower(log, from_end=True)
    with log.open("a") as file:
        file.write("one\ntw")
    assert follower.read() == ("one",)
    logs.rotate(log, at=1)
    with log.open("a") as file:
        file.write("x\n")
    assert follower.read() == ("x",)


def test_a_diagnosis_reads_the_lines_of_the_latest_run_only(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    logs.mark_start(log, "x", 0)
    with log.open("a") as file:
        file.write("ERROR old\n")
    logs.mark_start(log, "x", 60)
    assert logs.tail_of_run(log, 50) == ()


def test_a_kill_in_the_middle_of_a_write_leaves_a_readable_record(rig: Rig) -> None:
    """The record is rewritten without pause by a process that is killed at random moments."""
    rig.paths.processes.parent.mkdir(exist_ok=True)
    for delay in (0.15, 0.2, 0.25, 0.3):
        writer = subprocess.Popen([sys.executable, "-c", _WRITES, str(rig.paths.processes)], cwd=ROOT)
        eventually(rig.paths.processes.exists)
        with pytest.raises(subprocess.TimeoutExpired):
            writer.wait(delay)
        writer.kill()
        writer.wait()
        assert record.load(rig.paths.processes, now=0, wall=0).entries == {}


_WRITES = """
import sys
from pathlib import Path
from broker import record
while True:
    record.save(Path(sys.argv[1]), {"version": 1, "processes": [], "padding": "x" * 200_000})
"""


def test_a_lost_record_does_not_make_a_second_process(rig: Rig) -> None:
    rig.kill(_with_one_running(rig))
    (pid,) = rig.marked("one")
    rig.paths.processes.unlink()
    rig.supervise()
    assert rig.client.status() == ()
    rig.client.apply([rig.spec("one")])
    rig.client.wait_ready(["one"], 10)
    assert rig.marked("one") == {pid}


def test_a_full_disk_does_not_bring_the_supervisor_down(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for module, name in ((record, "save"), (logs, "mark_start"), (logs, "rotate")):
        monkeypatch.setattr(module, name, full)
    supervisor = Supervisor(rig.paths)
    supervisor.world = reconcile.apply(supervisor.world, [rig.spec("one", ready=None)])
    supervisor.tick()
    supervisor.tick()
    (status,) = supervisor.statuses()
    assert status.state is ProcessState.RUNNING
    supervisor.stop_everything()

    def down() -> bool:
        supervisor.tick()
        return reconcile.all_down(supervisor.world)

    eventually(down)
    assert not rig.marked()
    supervisor.close()


def test_a_damaged_record_stops_the_supervisor_with_a_clear_message(rig: Rig) -> None:
    rig.paths.processes.write_text('{"processes": [{"spec"')
    result = subprocess.run(
        [sys.executable, "-m", "broker", "supervise", "--data", str(rig.paths.root)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert result.returncode == 1
    assert "processes.json cannot be read" in result.stderr


def test_commands_for_an_unknown_process_are_refused(rig: Rig) -> None:
    rig.supervise()
    with pytest.raises(ControlError, match="no process named nobody"):
        rig.client.start("nobody")


def _with_one_running(rig: Rig) -> subprocess.Popen[bytes]:
    supervisor = rig.supervise()
    rig.client.apply([rig.spec("one")])
    rig.client.wait_ready(["one"], 10)
    return supervisor


def _if_state(rig: Rig, name: str, state: ProcessState) -> ProcessStatus | None:
    status = rig.status(name)
    return status if status.state is state else None
