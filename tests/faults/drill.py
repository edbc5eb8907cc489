"""One fault under load, from the first acknowledged message to the verdict of the checker.

1. A topic of its own, a load of 1,000 messages/s, a quiet second. 2. kill -9. 3. Wait for recovery, with the clock on.
4. Some more load, then every message is acknowledged or has failed. 5. Two final reads, and the checker.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from confluent_kafka import KafkaException

from broker.states import ProcessState
from tests.faults.checker import Kind, Verdict, check
from tests.faults.installation import BROKERS, COMMAND_TIMEOUT_S, DrillFailed, Installation, kill
from tests.faults.load import Load, create_topic, history, out_of_sync, read_all

QUIET_S = 2.0
RECOVERY_S = 180
POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Outcome:
    """`shown`: seconds until the supervisor's status told of the death. `pause`: longest time without an ack."""

    fault: str
    seconds: float
    shown: float | None
    pause: float
    errors: tuple[str, ...]
    verdict: Verdict
    brokers_before: tuple[int, ...]
    brokers_after: tuple[int, ...]
    note: str = ""

    @property
    def lost(self) -> int:
        return self.verdict.count(Kind.LOST)

    @property
    def duplicated(self) -> int:
        return self.verdict.count(Kind.DUPLICATE)


@dataclass(frozen=True, slots=True)
class Recovery:
    seconds: float
    shown: float | None
    note: str = ""
    adopted: float | None = None


def drill(target: Installation, fault: str, strike: Callable[[Installation], Recovery]) -> Outcome:
    """Whatever happens, the load has ended when this returns."""
    topic = f"faults-{fault}-{time.time_ns()}"
    create_topic(target.link, topic)
    until(lambda: not behind(target), f"{topic} in sync")
    before = target.pids(BROKERS)
    load = Load(target.link, topic)
    load.start()
    try:
        until(lambda: len(load.journal.acked) > 1000, "1,000 acknowledged messages")
        time.sleep(QUIET_S)
        load.journal.longest_pause = 0.0
        recovery = strike(target)
        time.sleep(QUIET_S)
    finally:
        journal = load.stop()
    until(lambda: not behind(target), "all partitions in sync after the load")
    reads = [*read_all(target.link, topic), *read_all(target.link, topic, reader=1)]
    return Outcome(
        fault=fault,
        seconds=recovery.seconds,
        shown=recovery.shown,
        pause=journal.longest_pause,
        errors=tuple(journal.errors),
        verdict=check(history(journal, reads)),
        brokers_before=before,
        brokers_after=target.pids(BROKERS),
        note=recovery.note,
    )


def kill_supervisor(target: Installation) -> Recovery:
    """Recovered when `up` has returned; the note tells when the next supervisor had adopted the brokers."""
    brokers = target.pids(BROKERS)
    started = time.monotonic()
    kill([target.pid("supervisor")])
    up = target.starting()
    try:
        until(lambda: running(target, BROKERS) == brokers, "the brokers adopted")
        adopted = time.monotonic() - started
        code = up.wait(COMMAND_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        up.kill()
        raise
    if code != 0 or not target.web_answers():
        raise DrillFailed(f"`up` after the supervisor's death gave {code}:\n{target.said()}")
    seconds = time.monotonic() - started
    return Recovery(seconds, None, f"adopted after {adopted:.1f} s", adopted)


def kill_service(name: str) -> Callable[[Installation], Recovery]:
    """Recovered when another process of that name is RUNNING and the web server answers."""

    def strike(target: Installation) -> Recovery:
        recovery = _kill_and_return(target, (name,), also=target.web_answers)
        orphans = _strangers(target)
        return Recovery(recovery.seconds, recovery.shown, f"orphans: {orphans}" if orphans else "")

    return strike


def kill_brokers(names: Sequence[str]) -> Callable[[Installation], Recovery]:
    """Recovered when all of them are RUNNING again and every partition of every topic has its full ISR."""

    def strike(target: Installation) -> Recovery:
        controller = target.controller()
        recovery = _kill_and_return(target, names, also=lambda: not behind(target))
        note = "active controller" if list(names) == [controller] else ""
        return Recovery(recovery.seconds, recovery.shown, note)

    return strike


def _kill_and_return(target: Installation, names: Sequence[str], also: Callable[[], bool]) -> Recovery:
    old = target.pids(names)
    started = time.monotonic()
    kill(old)
    until(lambda: set(running(target, names)).isdisjoint(old), f"the death of {names} shown")
    shown = time.monotonic() - started
    until(lambda: len(running(target, names)) == len(names), f"{names} back")
    until(also, f"everything as before the death of {names}")
    return Recovery(time.monotonic() - started, shown)


def running(target: Installation, names: Sequence[str]) -> tuple[int, ...]:
    """The pids of those that are RUNNING."""
    found = target.processes()
    return tuple(
        process.pid
        for name in names
        if (process := found.get(name)) and process.state is ProcessState.RUNNING and process.pid
    )


def behind(target: Installation) -> bool:
    try:
        return bool(out_of_sync(target.link))
    except KafkaException:
        return True


def until(ask: Callable[[], bool], what: str, timeout: float = RECOVERY_S) -> None:
    deadline = time.monotonic() + timeout
    while not ask():
        if time.monotonic() > deadline:
            raise DrillFailed(f"not within {timeout} s: {what}")
        time.sleep(POLL_S)


def _strangers(target: Installation) -> int:
    """Processes of this installation that no living supervised process leads: orphans of a killed one."""
    leaders = {process.pid for process in target.processes().values()}
    supervisor = target.pid("supervisor")
    return sum(pid != supervisor and group_of(pid) not in leaders for pid, _ in target.left())


def group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0
