"""Automatic restarts of what failed: when the next one is due, when it is given up, and the plan of a policy. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from controlplane.core.access import Action
from controlplane.core.plans import (
    ApiCall,
    Change,
    Plan,
    PlanStep,
    Refusal,
    Risk,
    StepKind,
    api_path,
    state_digest,
)

#: So long it has to be well, at least, before earlier attempts are forgotten.
WELL_S = 600
MOST_ATTEMPTS = 20
LONGEST_S = 86_400
SHORTEST_S = 10


@dataclass(frozen=True, slots=True)
class Policy:
    """The first restart is at once; the wait for the next begins with `first_s` and doubles up to `longest_s`."""

    most: int = 5
    first_s: int = 60
    longest_s: int = 3600

    def wait_after(self, attempts: int) -> timedelta:
        """Before the next attempt, when so many have been made."""
        if attempts == 0:
            return timedelta()
        # A large exponent would not fit a float before it is cut off.
        return timedelta(seconds=min(self.first_s * 2 ** min(attempts - 1, 30), self.longest_s))

    @property
    def document(self) -> dict[str, str]:
        return {
            "at most": f"{self.most} restarts, until it was well for long",
            "first wait": f"{self.first_s} s",
            "longest wait": f"{self.longest_s} s",
        }


DEFAULT = Policy()


@dataclass(frozen=True, slots=True)
class Record:
    attempts: int = 0
    last_at: datetime | None = None


class Verdict(StrEnum):
    NOTHING = "nothing"
    WAIT = "wait"
    RESTART = "restart"
    GIVE_UP = "give up"
    FORGET = "forget"


@dataclass(frozen=True, slots=True)
class Decision:
    verdict: Verdict
    reason: str
    due: datetime | None = None


def decide(policy: Policy, record: Record, *, state: str, failed: bool, now: datetime) -> Decision:
    """`state`: of the connector itself; `failed`: it or a task of it has."""
    if state in ("PAUSED", "STOPPED"):
        return Decision(Verdict.NOTHING, f"It is {state.lower()}: somebody wants it so")
    since = now - record.last_at if record.last_at else None
    if not failed:
        well = max(timedelta(seconds=WELL_S), policy.wait_after(record.attempts))
        if record.attempts and (since is None or since >= well):
            return Decision(Verdict.FORGET, "It has been well for long")
        return Decision(Verdict.NOTHING, "Nothing has failed")
    if record.attempts >= policy.most:
        return Decision(Verdict.GIVE_UP, f"{policy.most} restarts did not help")
    wait = policy.wait_after(record.attempts)
    if record.last_at is not None and record.last_at + wait > now:
        return Decision(
            Verdict.WAIT, f"Restart {record.attempts + 1} of {policy.most}", record.last_at + wait
        )
    return Decision(Verdict.RESTART, f"Restart {record.attempts + 1} of {policy.most}")


def problems(policy: Policy) -> dict[str, list[str]]:
    return {name: [problem] for name, problem in _problems(policy)}


def _problems(policy: Policy) -> Iterator[tuple[str, str]]:
    if not 1 <= policy.most <= MOST_ATTEMPTS:
        yield "most", f"From 1 to {MOST_ATTEMPTS}."
    if not SHORTEST_S <= policy.first_s <= LONGEST_S:
        yield "first_s", f"From {SHORTEST_S} to {LONGEST_S:,} s."
    if not policy.first_s <= policy.longest_s <= LONGEST_S:
        yield "longest_s", f"From the first wait to {LONGEST_S:,} s."


def plan_policy(
    name: str, before: Policy | None, after: Policy | None, *, cluster: str, connect: str
) -> Plan:
    """`after` None: turned off."""
    old, new = before.document if before else {}, after.document if after else {}
    changes = tuple(
        Change(field, old.get(field), new.get(field))
        for field in (old or new)
        if old.get(field) != new.get(field)
    )
    kind = StepKind.DELETE if after is None else StepKind.ALTER if before else StepKind.CREATE
    path = api_path(cluster, "connect", connect, "connectors", name, "auto-restart")
    body = {"most": after.most, "first_s": after.first_s, "longest_s": after.longest_s} if after else None
    title = f"{'Restart failed tasks of' if after else 'No longer restart'} {name} automatically"
    nothing = Refusal("nothing", "It is set like this already" if after else "It is off already")
    return Plan(
        action=Action.CONNECTOR_OPERATE,
        title=title,
        apply_label="Turn on" if after and not before else "Change" if after else "Turn off",
        cluster=cluster,
        steps=(PlanStep(kind, "automatic restart", name, changes),) if changes else (),
        risk=Risk.REVERSIBLE,
        digest=state_digest({"policy": old, "of": name, "wanted": bool(after)}),
        warnings=("A record that no restart can get over fails again each time: look at the trace.",)
        if after
        else (),
        refusals=() if changes else (nothing,),
        undo="Turn it off." if after else "Turn it on again.",
        api=ApiCall("PUT" if after else "DELETE", path, dict(body) if body else None),
    )
