"""What CHECK finds before a failover, and what of it stands in the way or will hurt. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from controlplane.core.plans import Json
from controlplane.core.words import counted, some
from controlplane.replication.logic.failover import Kind, Observation
from controlplane.replication.logic.progress import Totals


@dataclass(frozen=True, slots=True)
class Readiness:
    """What CHECK found. `active`: groups that have members in the target, so that their offsets cannot be set there;
    `way_back`: what a flow back lacks; `absent`: topics that producers need in the target."""

    state: str
    totals: Totals
    source_answers: bool
    super_users: tuple[str, ...] | None = ()
    users_missing: tuple[str, ...] = ()
    quotas_missing: tuple[str, ...] = ()
    active: tuple[str, ...] = ()
    untranslated: tuple[str, ...] = ()
    last_known: Observation | None = None
    way_back: str = ""
    absent: tuple[str, ...] = ()

    def evidence(self) -> dict[str, Json]:
        return {
            "flow": self.state,
            "source_answers": self.source_answers,
            "records_not_copied": self.totals.records,
            "seconds_behind": self.totals.seconds,
            "super_users": None if self.super_users is None else list(self.super_users),
            "users_missing_in_target": list(self.users_missing) if self.source_answers else None,
            "quotas_missing_in_target": list(self.quotas_missing) if self.source_answers else None,
            "groups_active_in_target": list(self.active),
            "groups_untranslated": list(self.untranslated),
            "way_back_lacks": self.way_back,
            "topics_missing_in_target": list(self.absent),
            **(self._last_known() if not self.source_answers else {}),
        }

    def standing(self) -> dict[str, Json]:
        """Without what is another number at each look while records are written."""
        moving = {"records_not_copied", "seconds_behind", *self._last_known()}
        return {name: value for name, value in self.evidence().items() if name not in moving}

    def _last_known(self) -> dict[str, Json]:
        seen = self.last_known
        return {
            "last_known_at": seen.at if seen else None,
            "last_known_records": seen.records if seen else None,
            "last_known_seconds": seen.seconds if seen else None,
        }


def problems(kind: Kind, found: Readiness) -> tuple[str, ...]:
    """What stands in the way, and what will hurt: said before the first irreversible step."""
    users, quotas = found.users_missing, found.quotas_missing
    said = [
        *_of_the_source(kind, found),
        f"{counted(len(users), 'SCRAM user')} cannot log in at the target: {some(users)}." if users else "",
        f"{counted(len(quotas), 'quota')} of the source do not hold in the target: {some(quotas)}."
        if quotas
        else "",
        f"{some(found.active)}: members read in the target already, so their offsets there are theirs."
        if found.active
        else "",
        f"The flow cannot be turned round at the end: {found.way_back}." if found.way_back else "",
        absent_words("the target", found.absent) if found.absent else "",
        f"{some(found.untranslated)}: some of their offsets have no place in the target yet."
        if found.untranslated
        else "",
    ]
    return tuple(each for each in said if each)


def _of_the_source(kind: Kind, found: Readiness) -> Iterator[str]:
    if kind is Kind.PLANNED and not found.source_answers:
        yield "The source does not answer: a planned failover cannot freeze it. Begin an unplanned one."
    if kind is Kind.UNPLANNED and found.source_answers:
        yield "The source answers. A planned failover would lose nothing."
    if not found.source_answers:
        yield _last_seen(found.last_known)
    if found.state == "paused":
        yield "The flow is paused: nothing is copied until it is resumed."
    elif found.state != "running":
        yield f"The flow is {found.state}: what it has not copied stays behind."


def _last_seen(seen: Observation | None) -> str:
    if seen is None or seen.records is None:
        return "How much would be lost is unknown: the flow was never looked at while both sides answered."
    return (
        f"{counted(seen.records, 'record')} were not copied when both sides answered last, at {seen.at[:19]}Z; "
        "what was written after that is lost too. It is counted when the source is back."
    )


def absent_words(target: str, topics: Sequence[str]) -> str:
    return f"Producers will write to {some(tuple(topics))} in {target}, where there is no such topic yet: make it first."
