"""`./run up`: everything from an empty directory to a printed login link, in steps that can each be repeated.

1. Fetch the locked artifacts (skipped when they are there and verified).
2. Create or load the bundled cluster; reissue what expired.
3. Start the supervisor, hand it brokers and Redis; they start while
4. the database is migrated and the cluster registered; then web, worker and beat follow.
5. Wait until all of them are ready; create the Kafka user `admin`; print the URL.

Invariant: killed at any point, the next `up` finishes the job; nothing is started twice.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from controlplane.cli import services
from controlplane.cli.console import ByteProgress, CommandFailed, Console
from controlplane.cli.serving import TlsFiles, check_admin, check_bind, tls_files
from controlplane.cli.settings import WebAddress, asked, choose_address, record_address
from controlplane.gateways import broker as bundled
from controlplane.gateways import bundling, workers
from controlplane.gateways.broker import (
    ClusterSpec,
    ControlClient,
    DataPaths,
    NotReached,
    ProcessSpec,
    ProcessState,
    ProcessStatus,
)
from controlplane.gateways.errors import GatewayError

CLUSTER = bundling.FIRST
#: For replication: one broker shows everything, and a laptop has room for it.
SECOND = "dr"
SECOND_BROKERS = 1
DEFAULT_BROKERS = 3
READY_SECONDS = 180
ASK_EVERY = 0.3
STOP_SECONDS = 180


@dataclass(frozen=True, slots=True)
class UpOptions:
    brokers: int | None
    detach: bool
    offline: Path | None = None
    open_browser: bool = False
    tls: bool | None = None
    insecure: bool = False
    second: bool = False


def up(paths: DataPaths, options: UpOptions, console: Console) -> int:
    started = time.monotonic()
    bundled.prepare(paths)
    fetch_artifacts(paths, options.offline, console)
    first_start = not bundled.bundled_clusters()
    with console.step("Cluster prepared: authorities, certificates, storage"):
        spec = bundled.create_cluster(paths, CLUSTER, options.brokers or DEFAULT_BROKERS)
        brokers = bundled.broker_processes(paths, spec)
    notes = spec.notes if first_start else choices_that_are_made(spec, options)
    for note in (*notes, *bundled.leaving_notes(spec)):
        console.note(note)
    boot, address, tls = decide_serving(paths, options, spec, console)
    if options.second:
        with console.step(f"Second cluster prepared: {SECOND}"):
            bundled.create_cluster(paths, SECOND, SECOND_BROKERS)
    client = bundled.supervisor(paths)
    wipe_metrics_directory(paths, client)
    first = (*brokers, *services.redis(paths))
    client.apply(first)
    later = (
        services.web(paths, address, tls),
        *services.workers(paths, address),
        *services.watch(paths, address),
    )
    boot = boot or bootstrap_database(paths, address, console, lambda: refuse_fatal(client, first))
    renew(client, later, console)
    wait_ready(client, (*first, *later), console)
    with console.step("Kafka user `admin` exists; client files written"):
        bundled.ensure_admin(paths, spec)
    start_others(paths, client, console)
    start_workers(client, console)
    bundled.train_cache(paths)
    print_summary(paths, address, boot, time.monotonic() - started)
    if options.open_browser:
        open_in_browser(boot.get("login_url") or address.url)
    return 0 if options.detach else follow(paths, client, console)


def fetch_artifacts(paths: DataPaths, offline: Path | None, console: Console) -> None:
    started = time.monotonic()
    progress = ByteProgress(console, "Fetching Kafka")
    fetched = bundled.fetch_artifacts(paths, offline=offline, progress=progress)
    if fetched:
        console.done(f"{fetched} artifacts fetched and verified (SHA-256)", time.monotonic() - started)


def decide_serving(
    paths: DataPaths, options: UpOptions, spec: ClusterSpec, console: Console
) -> tuple[dict[str, str], WebAddress, TlsFiles | None]:
    """Refuses before anything is started or remembered. Beyond loopback the database is asked first who can log in."""
    address, note = choose_address(paths, asked(options.tls, options.insecure))
    check_bind(address)
    tls = tls_files(paths, spec, address)
    boot: dict[str, str] = {}
    if not address.loopback and not address.insecure:
        boot = bootstrap_database(paths, address, console)
        check_admin(address, "login_url" not in boot)
    record_address(paths, address)
    if note:
        console.note(note)
    if address.insecure and not address.loopback:
        console.warn(f"Insecure: {address.host} is served without TLS; passwords travel in clear")
    return boot, address, tls


def wipe_metrics_directory(paths: DataPaths, client: ControlClient) -> None:
    """prometheus-client's multiprocess files belong to processes; stale ones would add up (its own documentation)."""
    running = {status.name for status in client.status() if status.pid}
    if running & {"web", *(name for name, _, _ in services.WORKERS)}:
        return
    shutil.rmtree(paths.prometheus, ignore_errors=True)
    paths.prometheus.mkdir(mode=0o700, parents=True, exist_ok=True)


def choices_that_are_made(spec: ClusterSpec, options: UpOptions) -> tuple[str, ...]:
    """What was asked for, and counts only when a cluster is made."""
    found = []
    if options.brokers is not None and options.brokers != len(spec.staying):
        found.append(
            f"--brokers counts when a cluster is made; this one has {len(spec.staying)}. "
            "Brokers, Add broker in the app (or POST /api/v1/clusters/main/brokers/) adds one."
        )
    port = bundled.wanted_port()
    if port is not None and port != bundled.first_port(spec):
        found.append(
            f"KASTELLAN_BROKER_PORTS counts when a cluster is made; this one begins at {bundled.first_port(spec)}"
        )
    return tuple(found)


def refuse_fatal(client: ControlClient, specs: tuple[ProcessSpec, ...]) -> None:
    """What cannot run is told at once, not after the other steps."""
    names = {spec.name for spec in specs}
    for status in client.status():
        if status.name in names and status.state is ProcessState.FATAL:
            raise CommandFailed(
                f"{status.name} cannot run: {status.reason}",
                status.hint or f"Its log: ./run logs {status.name}",
            )


def bootstrap_database(
    paths: DataPaths, address: WebAddress, console: Console, meanwhile: Callable[[], None] = lambda: None
) -> dict[str, str]:
    started = time.monotonic()
    result = manage(paths, address, "bootstrap", "--base-url", address.url, meanwhile=meanwhile)
    console.done("Database ready, cluster registered", time.monotonic() - started)
    try:
        answer: dict[str, str] = json.loads(result.splitlines()[-1])
    except (ValueError, IndexError):
        raise CommandFailed("the database step gave no answer", result[-500:]) from None
    return answer


def manage(
    paths: DataPaths, address: WebAddress, *arguments: str, meanwhile: Callable[[], None] = lambda: None
) -> str:
    """`meanwhile` is asked while the command runs; what it raises ends the command (each migration is one transaction)."""
    with subprocess.Popen(
        [sys.executable, str(services.ROOT / "manage.py"), *arguments],
        env=services.service_env(paths, address),
        cwd=services.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            output, errors = _communicate(child, meanwhile)
        except BaseException:
            child.terminate()
            raise
    if child.returncode != 0:
        tail = "\n  ".join((errors or output).strip().splitlines()[-6:])
        raise CommandFailed(f"`manage.py {arguments[0]}` failed", tail)
    return output


def _communicate(child: subprocess.Popen[str], meanwhile: Callable[[], None]) -> tuple[str, str]:
    while True:
        try:
            return child.communicate(timeout=ASK_EVERY)
        except subprocess.TimeoutExpired:
            meanwhile()


def renew(client: ControlClient, specs: tuple[ProcessSpec, ...], console: Console) -> None:
    """Starts what does not run; what runs with an older specification (an upgrade) is started anew."""
    before = {spec.name: spec for spec in client.specs()}
    alive = {status.name for status in client.status() if status.pid}
    client.apply(specs)
    for spec in specs:
        if spec.name in alive and before.get(spec.name) not in (None, spec):
            console.note(f"{spec.name} runs an older version: it is started anew")
            client.restart(spec.name)


def wait_ready(client: ControlClient, specs: tuple[ProcessSpec, ...], console: Console) -> None:
    """Prints each process as it becomes ready; FATAL ends the wait with the diagnosis."""
    seen: dict[str, ProcessState] = {}
    lock = threading.Lock()

    def on_change(status: ProcessStatus) -> None:
        with lock:
            if seen.get(status.name) == status.state:
                return
            seen[status.name] = status.state
        if status.state is ProcessState.RUNNING:
            console.done(f"{status.name} is ready")
        elif status.state is ProcessState.BACKOFF:
            console.warn(f"{status.name} exited: {status.reason}; it is started again")
        waiting = [spec.name for spec in specs if seen.get(spec.name) is not ProcessState.RUNNING]
        if waiting:
            console.transient(f"… waiting for {', '.join(waiting)}")

    try:
        client.wait_ready(tuple(spec.name for spec in specs), timeout=READY_SECONDS, on_change=on_change)
    except NotReached as failure:
        broken = next((s for s in failure.statuses if s.state is not ProcessState.RUNNING), None)
        log = f"Its log: ./run logs {broken.name}" if broken else "./run logs"
        raise CommandFailed(str(failure), failure.hint or log) from failure


def start_others(paths: DataPaths, client: ControlClient, console: Console) -> None:
    """The other bundled clusters, but for those that somebody stopped. One that cannot run keeps nothing else from it."""
    for spec in bundled.bundled_clusters():
        if spec.name == CLUSTER or spec.stopped:
            continue
        try:
            client.apply(bundled.broker_processes(paths, spec))
            client.wait_ready([spec.process_name(node) for node in spec.staying], READY_SECONDS)
            bundled.ensure_admin(paths, spec)
        except (GatewayError, NotReached) as error:
            console.warn(f"The cluster {spec.name} is not up: {error}")
        else:
            console.done(f"Cluster {spec.name} is ready")


def start_workers(client: ControlClient, console: Console) -> None:
    """The Connect workers that ran before. Nobody waits for them: the product is of use without."""
    for worker in workers.workers():
        if worker.stopped:
            continue
        try:
            client.apply([workers.worker_process(worker)])
        except GatewayError as error:
            console.warn(f"{worker.process_name} is not started: {error.what}")


def print_summary(paths: DataPaths, address: WebAddress, boot: dict[str, str], seconds: float) -> None:
    link = boot.get("login_url")
    print(f"\nKastellan is up ({seconds:.0f} s): {address.url}")
    if link:
        print(f"Log in once with this link, then set a password:\n  {link}")
    print("Kafka for clients (client.properties for Java, kcat.conf for kcat):")
    for spec in bundled.bundled_clusters():
        note = "  (stopped)" if spec.stopped else ""
        print(f"  {spec.name}: {bundled.admin_directory(paths, spec)}{note}")
    sys.stdout.flush()


def open_in_browser(url: str) -> None:
    import webbrowser

    webbrowser.open(url)


def follow(paths: DataPaths, client: ControlClient, console: Console) -> int:
    """In the foreground: stay until Ctrl-C, which stops everything; mind the supervisor, which minds the rest."""
    console.note("Ctrl-C stops everything. `./run up --detach` would leave it running.")
    stop = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: stop.set())
    while not stop.wait(2):
        client = bundled.supervisor(paths)  # brings it back, adopting its children, if it died
    console.note("Stopping: brokers hand over their leaders first")
    client.shutdown(stop_children=True)
    client.wait_gone(STOP_SECONDS)
    console.done("Everything has stopped")
    return 0
