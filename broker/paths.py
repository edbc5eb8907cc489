"""Where everything lives inside the one data directory, and the few file primitives that keep it private and crash-safe.

Every write goes to a temporary name in the same directory and is renamed, so that a kill leaves the old file or the new.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from broker.claim import claim

# sun_path holds 108 bytes with its terminating zero on Linux.
SOCKET_PATH_LIMIT = 107


def private_directory(path: Path) -> Path:
    """Creates the directory and its missing parents with mode 0700."""
    if not path.is_dir():
        private_directory(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    return path


def write_private(path: Path, content: str | bytes) -> Path:
    """Atomic write, mode 0600."""
    private_directory(path.parent)
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def made_once(path: Path, make: Callable[[], str]) -> str:
    """The text in `path`, made at first use. Two processes that start together end with the same one."""
    if not path.exists():
        private_directory(path.parent)
        draft = write_private(path.with_name(f".{path.name}.{secrets.token_hex(6)}"), make())
        try:
            os.link(draft, path)  # fails when another process was first: its text stands
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def write_if_changed(path: Path, content: str) -> bool:
    """Leaves an equal file alone: its time stamp means something to people who look for what changed."""
    if path.is_file() and path.read_bytes() == content.encode():
        return False
    write_private(path, content)
    return True


@dataclass(frozen=True)
class DataPaths:
    """The data directory (`KASTELLAN_DATA`). Properties only name paths; `prepare` claims it and creates the directories."""

    root: Path

    def prepare(self) -> DataPaths:
        private_directory(self.root.parent)
        claim(self.root)
        for path in (self.secrets, self.state, self.run, self.logs, self.clusters, self.db):
            private_directory(path)
        return self

    @classmethod
    def from_env(cls) -> DataPaths:
        return cls(Path(os.environ.get("KASTELLAN_DATA") or "data").absolute())

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def db(self) -> Path:
        return self.root / "db"

    @property
    def clusters(self) -> Path:
        return self.root / "clusters"

    @property
    def removed(self) -> Path:
        """Clusters that were removed and whose data was to stay."""
        return self.root / "removed"

    @property
    def prometheus(self) -> Path:
        return self.root / "prometheus"

    @property
    def redis(self) -> Path:
        return self.root / "redis"

    @property
    def trust(self) -> Path:
        """Roots of the clusters here, a file each, for those who may not look where the keys are."""
        return self.root / "trust"

    @property
    def artifacts(self) -> Path:
        """`KASTELLAN_ARTIFACTS` lets several data directories (tests, development) share one download."""
        elsewhere = os.environ.get("KASTELLAN_ARTIFACTS")
        return Path(elsewhere).absolute() if elsewhere else self.root / "artifacts"

    @property
    def supervisor_lock(self) -> Path:
        return self.state / "supervisor.lock"

    @property
    def supervisor_pid(self) -> Path:
        return self.state / "supervisor.pid.json"

    @property
    def processes(self) -> Path:
        return self.state / "processes.json"

    @property
    def settings(self) -> Path:
        return self.state / "settings.json"

    @property
    def database(self) -> Path:
        return self.db / "kastellan.sqlite3"

    @property
    def metrics_database(self) -> Path:
        return self.db / "metrics.sqlite3"

    @property
    def control_socket(self) -> Path:
        return self.socket("control")

    @property
    def redis_socket(self) -> Path:
        return self.socket("redis")

    def socket(self, name: str) -> Path:
        """`run/<name>.sock`, or a short 0700 directory keyed by this root where that path is too long for a socket."""
        path = self.run.absolute() / f"{name}.sock"
        if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
            return path
        key = hashlib.sha256(os.fsencode(self.root.absolute())).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"kastellan-{os.getuid()}-{key}" / f"{name}.sock"

    def socket_directory(self, name: str) -> Path:
        """Creates the directory of a socket; refuses one that somebody else owns (the temporary directory is shared)."""
        directory = private_directory(self.socket(name).parent)
        status = directory.lstat()
        if status.st_uid != os.getuid() or status.st_mode & 0o077:
            raise PermissionError(f"{directory} must belong to this user alone (mode 0700)")
        return directory

    def log(self, process: str) -> Path:
        return self.logs / f"{process}.log"

    def secret(self, name: str) -> Path:
        return self.secrets / name

    def cluster(self, name: str) -> ClusterPaths:
        return ClusterPaths(self, name)


@dataclass(frozen=True)
class ClusterPaths:
    """The part of the data directory that belongs to one bundled cluster; of an external one that has a worker of ours, `connect`."""

    data: DataPaths
    name: str

    @property
    def root(self) -> Path:
        return self.data.clusters / self.name

    @property
    def record(self) -> Path:
        return self.root / "cluster.json"

    @property
    def pki(self) -> Path:
        return self.root / "pki"

    @property
    def clients(self) -> Path:
        """Files for people's own tools; those of the first cluster carry no cluster name."""
        return self.data.root / "clients" / ("" if self.name == "main" else self.name)

    @property
    def connect(self) -> ConnectPaths:
        files = self.data.root / "connect" / ("" if self.name == "main" else self.name)
        return ConnectPaths(self.root / "connect", files / "files")

    @property
    def removed(self) -> Path:
        """What brokers held that were removed and whose data was to stay."""
        return self.root / "removed"

    def node(self, node_id: int) -> NodePaths:
        return NodePaths(self.root / "nodes" / str(node_id))


@dataclass(frozen=True)
class JvmPaths:
    """What each JVM of ours has: its agent's files, and its certificates."""

    root: Path

    @property
    def jolokia_properties(self) -> Path:
        return self.root / "jolokia.properties"

    @property
    def jolokia_policy(self) -> Path:
        return self.root / "jolokia-access.xml"

    @property
    def tls(self) -> Path:
        return self.root / "tls"


class NodePaths(JvmPaths):
    """The files of one node."""

    @property
    def server_properties(self) -> Path:
        return self.root / "server.properties"

    @property
    def log4j(self) -> Path:
        return self.root / "log4j2.yaml"

    @property
    def data(self) -> Path:
        return self.root / "data"


@dataclass(frozen=True)
class ConnectPaths(JvmPaths):
    """The files of a cluster's Connect worker. `files`: where it works, so that file connectors begin there."""

    files: Path

    @property
    def record(self) -> Path:
        return self.root / "connect.json"

    @property
    def own_tls(self) -> Path:
        """The worker's own certificate; `tls` is that of its connectors."""
        return self.root / "own-tls"

    @property
    def worker_properties(self) -> Path:
        return self.root / "worker.properties"

    @property
    def log4j(self) -> Path:
        return self.root / "log4j2.xml"

    @property
    def jaas(self) -> Path:
        return self.root / "jaas.conf"

    @property
    def rest_users(self) -> Path:
        return self.root / "rest-users.properties"

    @property
    def temporary(self) -> Path:
        """Beside `files` the only place where the worker may write."""
        return self.root / "tmp"

    @property
    def plugins(self) -> Path:
        return self.root / "plugins"

    @property
    def plugins_lock(self) -> Path:
        return self.root / "plugins.lock"

    @property
    def staged(self) -> Path:
        """Plugins that wait for a review; not on the plugin path."""
        return self.root / "staged"

    @property
    def credentials(self) -> Path:
        """What `${file:…}` in a connector's configuration may name: one file for each secret's owner."""
        return self.root / "credentials"
