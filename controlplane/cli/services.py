"""The processes beside the brokers: Redis, the web server, the Celery worker and beat, as ProcessSpecs.

Secrets reach them through files in the data directory, never through arguments or the environment.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from controlplane.alerts.logic.webhook import BadSecret, secret_key
from controlplane.cli.console import CommandFailed
from controlplane.cli.serving import TlsFiles
from controlplane.cli.settings import WebAddress
from controlplane.cli.watch import SECRET
from controlplane.gateways.broker import (
    DataPaths,
    HttpReady,
    LogReady,
    ProcessKind,
    ProcessSpec,
    UnixReady,
    artifacts,
    write_if_changed,
)

ROOT = Path(__file__).resolve().parents[2]
#: Settings of ours, and what an interpreter and TLS need; nothing else of the caller's environment is inherited.
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "DATABASE_URL", "REDIS_URL")
PASSED_PREFIXES = ("KASTELLAN_", "EMAIL_")


def service_env(paths: DataPaths, address: WebAddress) -> dict[str, str]:
    env = {
        name: value
        for name, value in os.environ.items()
        if name in PASSED_ON or name.startswith(PASSED_PREFIXES)
    }
    return {
        "PATH": os.defpath,
        **env,
        **({"KASTELLAN_TLS": "1"} if address.tls else {}),
        "KASTELLAN_INSECURE": "1" if address.insecure else "0",
        "KASTELLAN_DATA": str(paths.root),
        "KASTELLAN_HOST": address.host,
        "KASTELLAN_PORT": str(address.port),
        "DJANGO_SETTINGS_MODULE": "controlplane.config.settings",
        "PROMETHEUS_MULTIPROC_DIR": str(paths.prometheus),
        "PYTHONUNBUFFERED": "1",
    }


@cache
def code_fingerprint() -> str:
    """Changes with the code, templates and static files: processes that run an older version are started anew."""
    digest = hashlib.sha256()
    for folder in ("broker", "controlplane", "templates", "static"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".html", ".md", ".css", ".js", ".svg"):
                status = path.stat()
                digest.update(f"{path.relative_to(ROOT)} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _python(
    paths: DataPaths,
    address: WebAddress,
    name: str,
    kind: ProcessKind,
    arguments: tuple[str, ...],
    *,
    ready: HttpReady | LogReady,
    depends_on: tuple[str, ...],
    stop_timeout: float,
    env: Mapping[str, str] | None = None,
) -> ProcessSpec:
    return ProcessSpec(
        name=name,
        kind=kind,
        argv=(sys.executable, "-m", *arguments),
        env={**service_env(paths, address), **(env or {}), "KASTELLAN_CODE": code_fingerprint()},
        cwd=str(ROOT),
        log=str(paths.log(name)),
        identity=arguments[:2],
        ready=ready,
        depends_on=depends_on,
        start_timeout=60,
        stop_timeout=stop_timeout,
    )


REDIS_CONF = """\
port 0
unixsocket {socket}
unixsocketperm 600
dir {directory}
daemonize no
# Wake-up calls only: what must not be lost is in the database.
save ""
appendonly no
maxmemory 128mb
maxmemory-policy noeviction
"""


def redis(paths: DataPaths) -> tuple[ProcessSpec, ...]:
    """Nothing at all when REDIS_URL names a server that somebody else runs."""
    if os.environ.get("REDIS_URL"):
        return ()
    paths.redis.mkdir(mode=0o700, exist_ok=True)
    paths.socket_directory("redis")
    configuration = paths.redis / "redis.conf"
    write_if_changed(
        configuration, REDIS_CONF.format(socket=paths.redis_socket, directory=paths.redis.absolute())
    )
    return (
        ProcessSpec(
            name="redis",
            kind=ProcessKind.REDIS,
            argv=(str(artifacts(paths).redis_server()), str(configuration)),
            env={"PATH": os.environ.get("PATH", os.defpath)},
            cwd=str(paths.redis),
            log=str(paths.log("redis")),
            # Redis rewrites its own argv to "…redis-server unixsocket:…": the program and its socket stay.
            identity=("redis-server",),
            ready=UnixReady(str(paths.redis_socket)),
            start_timeout=20,
            stop_timeout=10,
        ),
    )


def web(paths: DataPaths, address: WebAddress, tls: TlsFiles | None) -> ProcessSpec:
    arguments = (
        "uvicorn", "controlplane.config.asgi:application",
        "--host", address.host, "--port", str(address.port),
        "--lifespan", "off", "--no-server-header", "--no-access-log", "--no-proxy-headers",
        "--timeout-graceful-shutdown", "5",
        *(("--ssl-certfile", str(tls.certificate), "--ssl-keyfile", str(tls.key)) if tls else ()),
    )  # fmt: skip
    return _python(
        paths, address, "web", ProcessKind.WEB, arguments,
        ready=HttpReady(f"{address.url}/healthz"), depends_on=(), stop_timeout=15,
        env={"KASTELLAN_TLS_FINGERPRINT": tls.fingerprint} if tls else {},
    )  # fmt: skip


#: Name, queue, processes. The queue is in the settings: what goes to "alerts" is held up by nothing else.
WORKERS = (("worker", "celery", 4), ("alert-worker", "alerts", 3))


def workers(paths: DataPaths, address: WebAddress) -> tuple[ProcessSpec, ...]:
    app = ("celery", "--app=controlplane.config.celery")
    after = () if os.environ.get("REDIS_URL") else ("redis",)
    worker = (*app, "worker", "--loglevel=INFO", "--without-gossip", "--without-mingle")
    beat = (*app, "beat", "--loglevel=WARNING", f"--schedule={paths.state / 'celerybeat'}", "--pidfile=")
    return (
        *(
            _python(
                paths, address, name, ProcessKind.WORKER,
                (*worker, f"--queues={queue}", f"--concurrency={processes}", f"--hostname={name}@%h"),
                ready=LogReady(rf"{name}@.* ready"), depends_on=after, stop_timeout=30,
            )
            for name, queue, processes in WORKERS
        ),
        _python(
            paths, address, "beat", ProcessKind.BEAT, (*beat[:2], *beat[2:]),
            ready=LogReady(r"beat: Starting|."), depends_on=after, stop_timeout=10,
        ),
    )  # fmt: skip


def watch(paths: DataPaths, address: WebAddress) -> tuple[ProcessSpec, ...]:
    """Only where somebody is to be told: it looks at the others from outside."""
    if not (os.environ.get("KASTELLAN_FALLBACK_URL") or os.environ.get("KASTELLAN_HEARTBEAT_URL")):
        return ()
    try:
        if secret := os.environ.get(SECRET, ""):
            secret_key(secret)
    except BadSecret as error:
        raise CommandFailed(f"{SECRET} is no secret of webhooks", f"{error}.") from None
    return (
        _python(
            paths, address, "watch", ProcessKind.WATCH, ("controlplane.cli.watch",),
            ready=LogReady(r"watching"), depends_on=(), stop_timeout=10,
            env={"KASTELLAN_WATCHED_URL": address.url},
        ),
    )  # fmt: skip
