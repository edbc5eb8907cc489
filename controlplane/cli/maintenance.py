"""The smaller commands: down, logs, reset, token, fetch."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from controlplane.cli import services
from controlplane.cli.console import ByteProgress, CommandFailed, Console
from controlplane.cli.settings import recorded_address
from controlplane.gateways import broker as bundled
from controlplane.gateways.broker import DataPaths

STOP_SECONDS = 180


def down(paths: DataPaths, console: Console) -> int:
    """A supervisor that died left its children: a new one adopts them, then stops them in order."""
    started = time.monotonic()
    if not paths.processes.exists():
        console.note("Nothing was running")
        return 0
    client = bundled.supervisor(paths)
    console.transient("… stopping: brokers hand over their leaders first")
    client.shutdown(stop_children=True)
    client.wait_gone(STOP_SECONDS)
    console.done("Everything has stopped", time.monotonic() - started)
    return 0


def logs(paths: DataPaths, name: str | None, *, lines: int, follow: bool) -> int:
    known = sorted(path.stem for path in paths.logs.glob("*.log"))
    names = [name] if name else known
    if not names or (name and name not in known):
        raise CommandFailed(
            f"there is no log named {name!r}" if name else "there are no logs yet",
            f"Names: {', '.join(known)}" if known else "`./run up` starts everything.",
        )
    files = [str(paths.log(each)) for each in names]
    try:
        return subprocess.call(["tail", "-n", str(lines), *(["-F"] if follow else []), *files])
    except KeyboardInterrupt:
        return 0


def reset(paths: DataPaths, *, confirmed: bool, console: Console) -> int:
    if not paths.root.exists():
        console.note(f"{paths.root} does not exist: nothing to delete")
        return 0
    if not paths.root.is_dir() or not bundled.is_ours(paths):
        raise CommandFailed(f"{paths.root} is not a Kastellan data directory", "Nothing was deleted.")
    if not confirmed:
        print(
            f"This deletes {paths.root}: every topic and record, user, certificate and metric.",
            file=sys.stderr,
        )
        if not sys.stdin.isatty() or input("Type 'reset' to go on: ").strip() != "reset":
            raise CommandFailed("not confirmed, nothing was deleted", "Scripts say --yes.")
    down(paths, console)
    left = bundled.delete_data(paths)
    if left:
        console.note(f"Left in {paths.root}, because Kastellan did not make it: {', '.join(left)}")
    console.done(f"{paths.root} is deleted" if not left else "Everything of Kastellan's is deleted")
    return 0


def token(paths: DataPaths, *, role: str, name: str) -> int:
    return manage(paths, "create_token", "--role", role, "--name", name)


def link(paths: DataPaths, *, user: str) -> int:
    """The way back in for somebody who lost the password."""
    return manage(paths, "login_link", user)


def verify_audit(paths: DataPaths) -> int:
    """Every finding is printed by the command itself; a broken chain is its answer, not its failure."""
    done = run_manage(paths, "verify_audit")
    print(done.stdout.strip())
    return 0 if done.returncode == 0 else 1


def rotate_key(paths: DataPaths) -> int:
    """What is wrong is said by the command itself."""
    done = run_manage(paths, "rotate_key")
    if done.returncode != 0:
        raise CommandFailed(
            "the key was not rotated to its end", "Mend what is said above, and call it again."
        )
    print(done.stdout.strip())
    return 0


def manage(paths: DataPaths, *arguments: str) -> int:
    """A management command whose standard output is the answer."""
    done = run_manage(paths, *arguments)
    if done.returncode != 0:
        raise CommandFailed(f"`{arguments[0]}` did not work", "`./run doctor` checks the installation.")
    print(done.stdout.strip())
    return 0


def run_manage(paths: DataPaths, *arguments: str) -> subprocess.CompletedProcess[str]:
    address = recorded_address(paths)
    if address is None:
        raise CommandFailed("there is no installation yet", "`./run up` first.")
    return subprocess.run(
        [sys.executable, str(services.ROOT / "manage.py"), *arguments],
        env={**services.service_env(paths, address), "KASTELLAN_LOG_LEVEL": "WARNING"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )


def fetch(directory: Path, console: Console) -> int:
    """Wheels by pip against the same hashes, Kafka and Redis by the same lock as `up`."""
    wheels = directory / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    with console.step(f"Python wheels in {wheels}"):
        done = subprocess.run(
            [
                sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
                "--require-hashes", "--only-binary", ":all:",
                "-r", str(services.ROOT / "requirements.txt"), "-d", str(wheels),
            ],
            check=False,
        )  # fmt: skip
    if done.returncode != 0:
        raise CommandFailed("pip could not download the wheels", "This command needs the network.")
    bundled.fetch_into(directory / "artifacts", progress=ByteProgress(console, "Fetching Kafka"))
    console.done(f"{directory} is complete: `./run up --offline {directory}` needs no network")
    return 0
