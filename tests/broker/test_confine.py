"""A program that may not look into a directory: what it is allowed by rules, and what the kernel then says to a real one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from broker import confine
from broker.confine import READ, WRITE_FILE, Rule, argv, rules


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """With a secret, and a place of the program's own."""
    root = tmp_path / "here" / "data"
    for name in ("secrets", "own/files"):
        (root / name).mkdir(parents=True)
    (root / "secrets" / "key").write_text("secret\n")
    (root / "own" / "known").write_text("known\n")
    (tmp_path / "beside").write_text("beside\n")
    return root


def run(data: Path, script: str) -> subprocess.CompletedProcess[str]:
    line = argv(data, [data / "own"], [data / "own" / "files"], ["/bin/sh", "-c", script])
    return subprocess.run(line, cwd=data / "own" / "files", capture_output=True, text=True, check=False)


def test_the_way_to_the_directory_is_left_out_and_what_lies_beside_it_in_the_system_is_not(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confine, "SYSTEM", ("/usr", str(tmp_path)))
    monkeypatch.setattr(confine, "PRIVATE", (str(tmp_path / "others" / "key"),))
    (tmp_path / "others").mkdir()
    for name in ("key", "known"):
        (tmp_path / "others" / name).write_text("x")
    found = {rule.path: rule.access for rule in rules(data, [data / "own"], [data / "own" / "files"])}
    assert found[tmp_path / "beside"] == found[Path("/usr")] == found[data / "own"] == READ
    assert found[tmp_path / "others" / "known"] == READ
    assert not {data, data / "secrets", tmp_path / "others" / "key", *data.parents} & found.keys()
    assert found[data / "own" / "files"] & WRITE_FILE
    assert Rule(Path("/dev/null"), READ | WRITE_FILE) in [*rules(data, [], [])]


@pytest.mark.parametrize(
    ("script", "said", "code"),
    [
        ("cat {data}/own/known", "known\n", 0),
        ("cat {beside}", "", 1),
        ("ls /root /home /tmp {data}", "", 2),
        ("cat /etc/shadow", "", 1),
        ("head -c 4 /etc/passwd", "root", 0),
        ("echo x > new && cat new && rm new", "x\n", 0),
        ("echo x > /dev/null", "", 0),
        ("head -c 1 /dev/urandom > /dev/null", "", 0),
        ("ls /dev/shm /dev", "", 2),
        ("echo x > /dev/shm/kastellan-test", "", 2),
        ("cat {data}/secrets/key", "", 1),
        ("cat ../../secrets/key", "", 1),
        ("ln -s {data}/secrets/key link; cat link", "", 1),
        ("ln {data}/secrets/key link", "", 1),
        ("mv {data}/secrets/key .", "", 1),
        ("echo x > {data}/own/known", "", 2),
        ("echo x > {beside}", "", 2),
        ("rm {beside}", "", 1),
        ("exec /bin/cat {data}/secrets/key", "", 1),
        ("kill -0 {parent}", "", 1),
    ],
)
def test_the_kernel_keeps_it_out(data: Path, tmp_path: Path, script: str, said: str, code: int) -> None:
    done = run(data, script.format(data=data, beside=tmp_path / "beside", parent=os.getpid()))
    if "no Landlock" in done.stdout:
        pytest.skip("this kernel has no Landlock")
    assert (done.stdout, done.returncode) == (said, code), done.stderr
    assert (data / "secrets" / "key").read_text() == "secret\n"


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("socket.socket(socket.AF_INET)", "made"),
        ("socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)", "made"),
        ("socket.socket(16, socket.SOCK_RAW)", "made"),
        ("socket.socketpair()", "made"),
        ("socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)", "Permission denied"),
        ("socket.socket(socket.AF_UNIX)", "Permission denied"),
        ("socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)", "Permission denied"),
        ("socket.socket(40)", "Permission denied"),
        ("called(425, 1, 0)", "Function not implemented"),
        ("open('/proc/{parent}/environ').read()", "Permission denied"),
        ("os.mknod('disk', 0o60600, 0)", "Operation not permitted|Permission denied"),
    ],
)
def test_it_makes_no_sockets_but_those_of_the_network_and_is_nobody_here(
    data: Path, made: str, said: str
) -> None:
    """Through one in the file system the supervisor would run whatever it is asked to, outside of all this."""
    lines = (
        "import ctypes, os, socket",
        "libc = ctypes.CDLL(None, use_errno=True)",
        "def called(*call):",
        "    if libc.syscall(*call) < 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))",
        "try:",
        f"    {made.format(parent=os.getpid())}; print('made')",
        "except OSError as error:",
        "    print(error.strerror)",
    )
    python = (Path(sys.prefix), Path(sys.base_prefix))
    line = argv(
        data, [data / "own", *python], [data / "own" / "files"], [sys.executable, "-c", "\n".join(lines)]
    )
    done = subprocess.run(line, cwd=data / "own" / "files", capture_output=True, text=True, check=False)
    if "no seccomp" in done.stdout or "no Landlock" in done.stdout:
        pytest.skip("this kernel cannot")
    assert done.stdout.strip() in said.split("|"), done.stderr


def test_other_machines_have_no_filter_and_are_told_so() -> None:
    with pytest.raises(confine.Unsupported, match="riscv64"):
        confine.sockets_filter("riscv64")


@pytest.mark.parametrize("machine", confine.MACHINES)
def test_no_jump_of_the_filter_leads_out_of_it(machine: str) -> None:
    lines = confine.sockets_filter(machine)
    for at, (code, yes, no, _) in enumerate(lines):
        assert code in (confine.LOAD, confine.MASKED, confine.ANSWER) or at + 1 + max(yes, no) < len(lines)
    assert lines[-1][3] == confine.ALLOW


def test_without_landlock_the_program_runs_and_says_so(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confine, "SYS_CREATE_RULESET", 100_000)
    with pytest.raises(confine.Unsupported):
        confine.restrict([])
