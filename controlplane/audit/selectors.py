"""Reads of the audit, filtered as the URL asks. An actor sees the clusters that they may audit."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime

from controlplane.audit.models import Operation, Outcome
from controlplane.core.access import EVERY_CLUSTER, Actor
from controlplane.core.errors import Invalid, NotFound

#: Every flow has two ends: a row that says one (from before there was `also`, or refused before it was looked up) may
#: name the other in its words.
_HALF_TOLD = Q(action__startswith="flow.", also="") | Q(
    action__startswith="connector.", also="", target__contains="->"
)

FILTERS = ("search", "actor", "action", "cluster", "target", "outcome", "job", "since", "until")


@dataclass(frozen=True, slots=True)
class Filters:
    search: str = ""
    actor: str = ""
    action: str = ""
    cluster: str = ""
    target: str = ""
    outcome: str = ""
    job: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def parse(cls, query: Mapping[str, str], *, strict: bool = False) -> Filters:
        """`strict` is the API: there an empty value is a mistake, in a form it is a field left empty."""
        texts = {name: (query.get(name) or "").strip() for name in FILTERS}
        problems: dict[str, list[str]] = {}
        if strict:
            problems |= {
                name: ["It is empty: leave it out."]
                for name in ("outcome", "since", "until")
                if name in query and not query[name].strip()
            }
        if texts["outcome"] and texts["outcome"] not in Outcome.values:
            problems["outcome"] = [f"One of {', '.join(Outcome.values)}."]
        if strict and "job" in query and not _is_uuid(texts["job"]):
            problems["job"] = ["The id of a job."]
        times = {name: _time(texts.pop(name), name, problems) for name in ("since", "until")}
        if problems:
            raise Invalid(fields=problems)
        return cls(**texts, **times)  # type: ignore[arg-type]

    def chips(self) -> tuple[tuple[str, str], ...]:
        """What is filtered by, for people; search has its own field."""
        return tuple((name, str(value)) for name in FILTERS[1:] if (value := getattr(self, name)))


def operations(actor: Actor, filters: Filters) -> QuerySet[Operation]:
    rows = visible(actor)
    if filters.search:
        text = filters.search
        found = Q(target__icontains=text) | Q(actor__icontains=text) | Q(action__icontains=text)
        rows = rows.filter(found | Q(plan__title__icontains=text))
    if filters.cluster:
        rows = rows.filter(Q(cluster=filters.cluster) | Q(also=filters.cluster))
    for name in ("actor", "action", "target", "outcome"):
        if value := getattr(filters, name):
            rows = rows.filter(**{name: value})
    if filters.job:
        rows = rows.filter(details__job=filters.job)
    if filters.since:
        rows = rows.filter(started_at__gte=filters.since)
    return rows.filter(started_at__lte=filters.until) if filters.until else rows


def visible(actor: Actor) -> QuerySet[Operation]:
    """Operations without a cluster (users, tokens, logins) are shown to those with a role everywhere, and one's own. What is
    about two clusters is shown to those with a role on both."""
    if EVERY_CLUSTER in actor.roles:
        return Operation.objects.all()
    own = list(actor.roles)
    theirs = Q(cluster__in=own, also__in=["", *own]) & ~_HALF_TOLD
    return Operation.objects.filter(theirs | Q(actor=actor.name))


def get_operation(actor: Actor, uid: str) -> Operation:
    found = visible(actor).filter(uid=uid).first()
    if found is None:
        raise NotFound(f"There is no operation {uid}")
    return found


def recent(actor: Actor, *, cluster: str, target: str, limit: int = 20) -> tuple[Operation, ...]:
    """The Activity of one object."""
    return tuple(visible(actor).filter(cluster=cluster, target=target)[:limit])


def of_job(actor: Actor, job: str, started_at: datetime) -> QuerySet[Operation]:
    """What a job did, and the act that started it; nothing of it is older than the job, but for a blink."""
    since = started_at - timedelta(minutes=1)
    return visible(actor).filter(details__job=job, started_at__gte=since)


def _is_uuid(raw: str) -> bool:
    try:
        uuid.UUID(raw)
    except ValueError:
        return False
    return True


def _time(raw: str, name: str, problems: dict[str, list[str]]) -> datetime | None:
    if not raw:
        return None
    try:
        found = parse_datetime(raw)
    except ValueError:
        found = None
    if found is None:
        problems[name] = ["A time as 2026-01-31T12:00:00Z."]
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
