"""Is my Kafka all right? One sentence and its reasons, from what the snapshot and the supervisor know. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

#: A snapshot older than this says nothing about now.
FRESH = timedelta(seconds=60)
UNSUPERVISED = (
    "The supervisor does not run: a broker that ends is not started again. "
    "`./run up` starts it; it takes back what runs, and nothing restarts."
)


class Tone(StrEnum):
    OK = "ok"
    WARN = "warn"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ClusterNow:
    """Counts of partitions, replicas and brokers; `down` are broker ids, `fatal` those that the supervisor gave up.

    `supervised` is False for brokers of ours whose supervisor does not answer.
    """

    brokers: int
    down: tuple[int, ...]
    fatal: tuple[tuple[int, str], ...]
    controller: int | None
    leaderless: int
    under_min_isr: int
    out_of_sync: int
    read_at: datetime | None
    error: str = ""
    supervised: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    tone: Tone
    sentence: str
    reasons: tuple[str, ...] = ()


def judge(state: ClusterNow, now: datetime) -> Verdict:
    """The worst finding names the sentence; every other finding is a reason below it."""
    findings = _findings(state)
    if state.read_at is None or now - state.read_at > FRESH:
        why = state.error or "the snapshot is not being refreshed"
        return Verdict(
            Tone.UNKNOWN, "Kafka's state is unknown", (f"No fresh answer: {why}.", *_texts(findings))
        )
    if not findings:
        return Verdict(Tone.OK, _all_well(state.brokers))
    order = [Tone.CRITICAL, Tone.WARN]
    worst = min((tone for tone, _ in findings), key=order.index)
    first = next(text for tone, text in findings if tone is worst)
    return Verdict(worst, first, tuple(text for _, text in findings if text != first))


def _all_well(brokers: int) -> str:
    if brokers == 1:
        return "The broker is up and every partition is served."
    return f"All {brokers} brokers are up and every replica is in sync."


def _findings(state: ClusterNow) -> list[tuple[Tone, str]]:
    found: list[tuple[Tone, str]] = []
    if state.leaderless:
        found.append(
            (Tone.CRITICAL, f"{_count(state.leaderless, 'partition')} offline: no reads, no writes.")
        )
    if state.controller is None:
        found.append((Tone.CRITICAL, "No active controller: nothing can change."))
    if state.under_min_isr:
        found.append(
            (
                Tone.CRITICAL,
                f"{_count(state.under_min_isr, 'partition')} below min ISR: acks=all writes fail.",
            )
        )
    found.extend((Tone.CRITICAL, f"Broker {broker} cannot run: {why}") for broker, why in state.fatal)
    others = [broker for broker in state.down if broker not in {fatal for fatal, _ in state.fatal}]
    if others:
        names = ", ".join(map(str, others))
        found.append((Tone.WARN, f"Broker{'s' if len(others) > 1 else ''} {names} down; the others serve."))
    if not state.supervised:
        found.append((Tone.WARN, UNSUPERVISED))
    if state.out_of_sync:
        found.append((Tone.WARN, f"{_count(state.out_of_sync, 'replica')} out of sync."))
    return found


def _texts(findings: Sequence[tuple[Tone, str]]) -> tuple[str, ...]:
    return tuple(f"Last known: {text}" for _, text in findings)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
