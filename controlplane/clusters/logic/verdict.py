"""Is my Kafka all right? One sentence and its reasons, from what the snapshot and the supervisor know. Pure.

1. What the supervisor says of processes holds now; what the snapshot says is as old as the snapshot.
2. While somebody restarts brokers on purpose, one broker away and replicas out of sync are expected, not a fault;
   partitions offline or below min ISR never are.
3. The worst finding is the sentence; the others, and what they mean for clients, are reasons below it.
4. A rule that fires is a finding too, unless it says again what is known anyhow. The alerts themselves are listed beside this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from controlplane.clusters.logic.conditions import DEAD, NOTICED_AFTER_S, UNABLE, BrokerNow, Condition, Ended
from controlplane.core.words import counted

#: A snapshot older than this says nothing about now.
FRESH = timedelta(seconds=60)
UNSUPERVISED = (
    "The supervisor does not run: a broker that ends is not started again. "
    "`./run up` starts it; it takes back what runs, and nothing restarts."
)


class Tone(StrEnum):
    OK = "ok"
    INFO = "info"
    WARN = "warn"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


LOST_DIRECTORY = (
    "Its disk failed or is full. Mend or enlarge the disk, then restart the broker: Kafka takes a directory back only "
    "when it starts. Never delete segment files: what is missing is copied from the other replicas."
)

HANGS = (
    "Look at its log and at the machine: a disk that hangs, a long collection of garbage, a stopped process, a network that is "
    "cut. Where it does not come to itself restart the broker: that ends a process that hangs."
)

ORDER = (Tone.CRITICAL, Tone.WARN, Tone.INFO)


class Link(StrEnum):
    """What a line is about; whoever shows it knows the address."""

    BROKER = "broker"
    LOG_DIRS = "log_dirs"
    JOB = "job"
    UNDER_REPLICATED = "under_replicated"
    UNDER_MIN_ISR = "under_min_isr"
    OFFLINE = "offline"
    ALERT = "alert"


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    link: Link | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Work:
    """Somebody disturbs the brokers on purpose. `job` is empty for a command line; `broker` the one it is about, if one."""

    title: str
    by: str = ""
    job: str = ""
    broker: int | None = None
    done: int = 0
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alert that fires and that nothing keeps quiet. `rule`: its name; `key`: its id."""

    rule: str
    severity: str
    text: str
    since: datetime
    key: str


#: Rules that say what snapshot and supervisor say, and say it later.
SAID_ANYHOW = frozenset(
    {
        "ActiveControllers", "AtMinIsr", "BrokerDown", "BrokerFenced", "BrokerHeartbeatStale", "FailedIsrUpdates",
        "LogDirectoryOffline", "NotReadOverKafka", "OfflineLogDirectory", "OfflinePartitions", "OfflineReplicas",
        "UnderMinIsr", "UnderReplicated", "UnderReplicatedLong",
    }
)  # fmt: skip
ALARMING = {"critical": Tone.CRITICAL, "warning": Tone.WARN}


@dataclass(frozen=True, slots=True)
class ClusterNow:
    """`leaderless`, `under_min_isr`, `under_replicated` count partitions.

    `supervised` is False for brokers of ours whose supervisor does not answer.
    """

    brokers: tuple[BrokerNow, ...]
    controller: int | None
    leaderless: int
    under_min_isr: int
    under_replicated: int
    read_at: datetime | None
    error: str = ""
    supervised: bool = True
    work: Work | None = None
    alarms: tuple[Alarm, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    tone: Tone
    headline: Line
    reasons: tuple[Line, ...] = ()

    @property
    def sentence(self) -> str:
        return self.headline.text


@dataclass(frozen=True, slots=True)
class _Finding:
    tone: Tone
    line: Line


def judge(state: ClusterNow, now: datetime) -> Verdict:
    expected = _expected(state)
    live = [*_processes(state, now, expected), *_supervision(state)]
    if state.read_at is None or now - state.read_at > FRESH:
        return _unread(state, live)
    known = [*_partitions(state), *_directories(state), *live]
    findings = sorted([*known, *_alarm(state, known, now)], key=lambda each: ORDER.index(each.tone))
    if state.work is not None and (not findings or findings[0].tone is Tone.INFO):
        rest = (*(each.line for each in findings), *_consequences(state, now))
        return Verdict(Tone.INFO, _at_work(state.work), rest)
    if not findings:
        return Verdict(Tone.OK, Line(_all_well(len(state.brokers))))
    first, *others = findings
    meanwhile = [_at_work(state.work)] if state.work else []
    rest = (*(each.line for each in others), *meanwhile, *_consequences(state, now))
    return Verdict(first.tone, first.line, tuple(line for line in rest if line.text != first.line.text))


def _unread(state: ClusterNow, live: Sequence[_Finding]) -> Verdict:
    """Kafka said nothing lately. That no broker runs is known all the same."""
    why = Line(f"No fresh answer: {state.error or 'the snapshot is not being refreshed'}.")
    lines = tuple(each.line for each in live)
    past = tuple(
        Line(f"Last known: {each.line.text}", each.line.link, each.line.key)
        for each in (*_partitions(state), *_directories(state))
    )
    if state.brokers and all(broker.condition in DEAD for broker in state.brokers):
        return Verdict(Tone.CRITICAL, Line("No broker runs: nothing can be read or written."), lines)
    return Verdict(Tone.UNKNOWN, Line("Kafka's state is unknown"), (why, *lines, *past))


def _all_well(brokers: int) -> str:
    if brokers == 1:
        return "The broker is up and every partition is served."
    return f"All {brokers} brokers are up and every replica is in sync."


# Planned work


def _expected(state: ClusterNow) -> frozenset[int]:
    """The broker that whoever is at work has taken down; never two at once."""
    if state.work is None:
        return frozenset()
    planned = (Condition.STARTING, Condition.STOPPING, Condition.STOPPED, Condition.RETURNING)
    away = [broker.id for broker in state.brokers if broker.condition in planned]
    if state.work.broker is not None:
        return frozenset({state.work.broker})
    return frozenset(away) if len(away) == 1 else frozenset()


def _at_work(work: Work) -> Line:
    at = f": broker {min(work.done + 1, work.total)} of {work.total}" if work.total else ""
    by = f" (by {work.by})" if work.by else ""
    return Line(f"{work.title}{at}{by}.", Link.JOB if work.job else None, work.job)


# Findings


def _alarm(state: ClusterNow, known: Sequence[_Finding], now: datetime) -> list[_Finding]:
    """The worst and oldest, where it is worse than all that is known."""
    expected = SAID_ANYHOW if known or state.work else frozenset[str]()
    loud = [each for each in state.alarms if each.severity in ALARMING and each.rule not in expected]
    loud.sort(key=lambda each: (ORDER.index(ALARMING[each.severity]), each.since))
    worst = min((ORDER.index(each.tone) for each in known), default=len(ORDER))
    return [
        _Finding(
            ALARMING[each.severity],
            Line(f"{each.text.rstrip('.')}, since {span(now - each.since)}.", Link.ALERT, each.key),
        )
        for each in loud[:1]
        if ORDER.index(ALARMING[each.severity]) < worst
    ]


def _partitions(state: ClusterNow) -> list[_Finding]:
    found: list[_Finding] = []
    if state.leaderless:
        text = f"{counted(state.leaderless, 'partition')} offline: no reads, no writes."
        found.append(_Finding(Tone.CRITICAL, Line(text, Link.OFFLINE)))
    if state.under_min_isr:
        text = f"{counted(state.under_min_isr, 'partition')} below min ISR: acks=all writes fail there."
        found.append(_Finding(Tone.CRITICAL, Line(text, Link.UNDER_MIN_ISR)))
    if state.controller is None:
        found.append(_no_controller(state))
    calm = all(broker.condition is Condition.UP for broker in state.brokers)
    if state.under_replicated and calm and state.work is None:
        text = f"{_under_replicated(state)}: replicas catch up."
        found.append(_Finding(Tone.WARN, Line(text, Link.UNDER_REPLICATED)))
    return found


def _no_controller(state: ClusterNow) -> _Finding:
    if state.work is not None:
        return _Finding(Tone.INFO, Line("The controllers elect a new leader."))
    return _Finding(Tone.CRITICAL, Line("No active controller: nothing can change."))


def _supervision(state: ClusterNow) -> list[_Finding]:
    return [] if state.supervised else [_Finding(Tone.WARN, Line(UNSUPERVISED))]


def _directories(state: ClusterNow) -> list[_Finding]:
    """Of brokers that run: one that does not has said so itself."""
    return [
        _Finding(Tone.CRITICAL, Line(_offline(broker), Link.LOG_DIRS, str(broker.id)))
        for broker in state.brokers
        if broker.offline_dirs and broker.condition not in DEAD
    ]


def _offline(broker: BrokerNow) -> str:
    names = ", ".join(broker.offline_dirs)
    many = len(broker.offline_dirs) > 1
    return f"Broker {broker.id} has lost the log director{'ies' if many else 'y'} {names}: offline."


def _processes(state: ClusterNow, now: datetime, expected: frozenset[int]) -> list[_Finding]:
    found = []
    for broker in state.brokers:
        if broker.condition is Condition.UP:
            continue
        tone = _TONES[broker.condition]
        if broker.id in expected and tone is not Tone.CRITICAL and broker.condition is not Condition.CRASHED:
            tone = Tone.INFO
        found.append(_Finding(tone, Line(_describe(broker, now), Link.BROKER, str(broker.id))))
    return found


_TONES = {
    Condition.STARTING: Tone.INFO,
    Condition.STOPPING: Tone.WARN,
    Condition.STOPPED: Tone.WARN,
    Condition.CRASHED: Tone.WARN,
    Condition.GIVEN_UP: Tone.CRITICAL,
    Condition.OUT_OF_DISK: Tone.CRITICAL,
    Condition.RETURNING: Tone.WARN,
    Condition.SILENT: Tone.WARN,
    Condition.DOWN: Tone.WARN,
}


def _describe(broker: BrokerNow, now: datetime) -> str:
    name, process = f"Broker {broker.id}", broker.process
    why = process.why if process else ""
    match broker.condition:
        case Condition.CRASHED:
            return _crash(name, process.ended if process else None, why, now)
        case Condition.GIVEN_UP | Condition.OUT_OF_DISK:
            return f"{name} cannot run: {(why or 'see its log').rstrip('.')}."
        case Condition.STOPPED:
            when = f" {span(now - process.since)} ago" if process and process.since else ""
            by = f" by {broker.stopped_by}" if broker.stopped_by else ""
            return f"{name} was stopped{when}{by}. {why or 'It stays so until somebody starts it.'}"
        case Condition.RETURNING:
            return f"{name} runs again; the cluster takes it back in."
        case Condition.SILENT:
            return f"{name} does not answer: its process runs, and Kafka gets no heartbeat from it."
        case Condition.DOWN:
            return f"{name} is down: Kafka gets no heartbeat from it."
    return f"{name} is {broker.condition.value}."


def _crash(name: str, ended: Ended | None, why: str, now: datetime) -> str:
    if ended is None:
        return f"{name} is down: {why or 'it ended by itself.'}"
    what = ended.what.partition(";")[0].rstrip(".")
    what = "it" + what[2:] if what.startswith("It ") else what
    gone = f"{name} went down {span(now - ended.at)} ago: {what}."
    turn = f"restart {ended.restart} of {ended.limit}"
    if ended.next_try is None:
        return f"{gone} It is starting now: {turn}."
    left = max((ended.next_try - now).total_seconds(), 0)
    return f"{gone} {turn.capitalize()} {f'in {left:.0f} s' if left >= 1 else 'now'}."


# What it means for clients


def _consequences(state: ClusterNow, now: datetime) -> tuple[Line, ...]:
    away = [broker for broker in state.brokers if broker.condition is not Condition.UP]
    lines = [_what_to_do(broker) for broker in away if broker.condition in UNABLE]
    lines += [Line(HANGS, Link.BROKER, str(b.id)) for b in away if b.condition is Condition.SILENT]
    if _directories(state):
        lines.append(Line(LOST_DIRECTORY))
    lines += [_unnoticed(broker) for broker in away if broker.unnoticed and broker.replicas]
    if state.under_replicated and (away or state.work):
        expected = ", as expected" if state.work else ""
        offline = f"; {state.leaderless or 'none'} offline" if not state.work else ""
        lines.append(Line(f"{_under_replicated(state)}{expected}{offline}.", Link.UNDER_REPLICATED))
    if away and not state.leaderless and not state.under_min_isr and not all(b.unnoticed for b in away):
        lines.append(
            Line("Producers with acks=all still work: no partition is below its min.insync.replicas.")
        )
    return tuple(lines)


def _what_to_do(broker: BrokerNow) -> Line:
    hint = broker.process.hint if broker.process else ""
    return Line(hint or "It is not started again by itself.", Link.BROKER, str(broker.id))


def _unnoticed(broker: BrokerNow) -> Line:
    leaders = f"its {counted(broker.leaders, 'leader')} move then, and " if broker.leaders else ""
    return Line(
        f"Kafka has not noticed yet (it waits {NOTICED_AFTER_S} s for a heartbeat): {leaders}"
        f"{counted(broker.replicas, 'partition')} become under-replicated."
    )


def _under_replicated(state: ClusterNow) -> str:
    return f"{counted(state.under_replicated, 'partition')} under-replicated"


def span(delta: timedelta) -> str:
    """12 s, 5 min, 3 h, 2 days."""
    seconds = max(delta.total_seconds(), 0)
    for limit, size, unit in ((60, 1, "s"), (3600, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"
