"""What a replication flow is, and what forbids one. Pure.

A flow copies topics of a source cluster into a target by MirrorMaker 2 (KIP-382): three connectors in the Connect cluster
beside the target. Names of topics and groups end in `*` for a prefix; `*` alone is all; a leading `!` leaves out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from itertools import pairwise
from typing import Any

from controlplane.core.plans import Json, Refusal

WILDCARD = "*"
#: Between the alias of the source and the topic's name; an alias that holds it would make names that nobody can read back.
SEPARATOR = "."
ALIAS = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}")
NAME = re.compile(r"!?(\*|[a-zA-Z0-9._-]{1,249}\*?)")
#: Positions are written down every 5 s: a shorter objective could not be told from the measuring.
SHORTEST_RPO_S = 10
REFRESH_S, CHECKPOINT_S = 60, 10
#: What no flow copies: Kafka's and MirrorMaker's own topics, Connect's, Kastellan's, and the groups of tools.
TOPICS_LEFT_OUT = (
    "mm2.*\\.internal",
    ".*\\.internal",
    ".*\\.replica",
    "__.*",
    "kastellan-connect-.*",
    "_kastellan.*",
)
GROUPS_LEFT_OUT = ("console-consumer-.*", "connect-.*", "kastellan-connect(-.*)?", "__.*")


class Policy(StrEnum):
    """How copies are named. PREFIX: `main.orders`; IDENTITY: `orders`, for one direction only."""

    PREFIX = "prefix"
    IDENTITY = "identity"


@dataclass(frozen=True, slots=True)
class FlowRequest:
    """`source`, `target`: names of registered clusters; their aliases are these names. Intervals in seconds.
    `copy_users`, `copy_quotas`: once, when the flow is made, what the target lacks. `rpo_s`, `rpo_records`: what may be
    lost at most, if somebody said so."""

    source: str
    target: str
    topics: tuple[str, ...] = (WILDCARD,)
    groups: tuple[str, ...] = (WILDCARD,)
    policy: Policy = Policy.PREFIX
    sync_configs: bool = True
    sync_acls: bool = False
    sync_offsets: bool = True
    exactly_once: bool = False
    copy_users: bool = False
    copy_quotas: bool = False
    tasks_max: int = 2
    refresh_s: int = REFRESH_S
    checkpoint_s: int = CHECKPOINT_S
    rpo_s: int | None = None
    rpo_records: int | None = None

    @property
    def name(self) -> str:
        return f"{self.source}->{self.target}"

    def is_again(self, other: FlowRequest) -> bool:
        """Whether it is the same flow; what was made once beside it may differ."""
        return replace(self, copy_users=False, copy_quotas=False) == replace(
            other, copy_users=False, copy_quotas=False
        )

    def copied(self, topic: str) -> bool:
        """Whether a topic of the source belongs to the flow. Heartbeats of other flows come along by themselves (KIP-382), and
        are nobody's records: they neither lag nor get lost."""
        left_out = topic == HEARTBEATS or any(re.fullmatch(out, topic) for out in TOPICS_LEFT_OUT)
        return matches(self.topics, topic) and not left_out and not self._goes_round(topic)

    def _goes_round(self, topic: str) -> bool:
        """MirrorMaker copies nothing to where it came from: a name that the target's alias stands in (`isCycle`)."""
        return self.policy is Policy.PREFIX and self.target in topic.split(SEPARATOR)[:-1]

    @staticmethod
    def beats(topic: str, aliases: Collection[str]) -> bool:
        """Whether it is heartbeats that another flow has brought into the source, once or by several hops: MirrorMaker takes
        them along by itself. `aliases`: of all clusters that are known."""
        *hops, last = topic.split(SEPARATOR)
        return last == HEARTBEATS and bool(hops) and all(hop in aliases for hop in hops)

    def home_of(self, topic: str) -> str | None:
        """Of a copy that lies in the source and came from the target: the name of its original there."""
        alias, _, original = topic.partition(SEPARATOR)
        if self.policy is not Policy.PREFIX or alias != self.target or not self.copied(original):
            return None
        return original

    def group_followed(self, group: str) -> bool:
        return matches(self.groups, group) and not any(re.fullmatch(out, group) for out in GROUPS_LEFT_OUT)

    def copy_of(self, topic: str) -> str:
        """The copy's name in the target. Heartbeats carry the alias under either policy."""
        if self.policy is Policy.IDENTITY and topic != HEARTBEATS:
            return topic
        return f"{self.source}{SEPARATOR}{topic}"

    def original_of(self, copy: str) -> str:
        prefix = f"{self.source}{SEPARATOR}"
        if self.policy is Policy.IDENTITY and copy != f"{prefix}{HEARTBEATS}":
            return copy
        return copy.removeprefix(prefix)

    @property
    def syncs_topic(self) -> str:
        """In the target, so that the source is only read (offset-syncs.topic.location=target)."""
        return f"mm2-offset-syncs.{self.source}.internal"

    @property
    def syncs_of_way_out(self) -> str:
        """In the source: what the flow wrote there that copied from the target into it."""
        return f"mm2-offset-syncs.{self.target}.internal"

    @property
    def checkpoints_topic(self) -> str:
        return f"{self.source}.checkpoints.internal"


HEARTBEATS = "heartbeats"


def to_json(asked: FlowRequest) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for each in fields(asked):
        value = getattr(asked, each.name)
        found[each.name] = list(value) if isinstance(value, tuple) else value
    return found


def from_json(raw: Mapping[str, Any]) -> FlowRequest:
    """Of what `to_json` gave; a setting that an older version did not have gets its default."""
    known = {each.name for each in fields(FlowRequest)}
    values: dict[str, Any] = {name: value for name, value in raw.items() if name in known}
    for name in ("topics", "groups"):
        if name in values:
            values[name] = tuple(values[name])
    if "policy" in values:
        values["policy"] = Policy(values["policy"])
    return FlowRequest(**values)


def wanted(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if not name.startswith("!"))


def left_out(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name[1:] for name in names if name.startswith("!"))


def matches(names: Sequence[str], candidate: str) -> bool:
    def some(patterns: Iterable[str]) -> bool:
        return any(re.fullmatch(pattern_of(each), candidate) for each in patterns)

    return some(wanted(names)) and not some(left_out(names))


def pattern_of(name: str) -> str:
    """The regular expression that MirrorMaker is given; it separates several by commas, which no name holds."""
    if name == WILDCARD:
        return ".*"
    stem = re.sub(r"\.", r"\\.", name.removesuffix(WILDCARD))
    return f"{stem}.*" if name.endswith(WILDCARD) else stem


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """What a plan has to know of either end. `brokers`: that serve now; `cluster_id`: Kafka's own, None unknown."""

    name: str
    cluster_id: str | None
    brokers: int
    version: str = ""


@dataclass(frozen=True, slots=True)
class Existing:
    """A flow that is there already, as far as a new one can collide with it."""

    source: str
    target: str
    policy: Policy
    topics: tuple[str, ...]


def refusals(
    asked: FlowRequest, source: ClusterFacts, target: ClusterFacts, others: Collection[Existing]
) -> tuple[Refusal, ...]:
    found = [*_of_names(asked), *_of_ends(asked, source, target), *_of_others(asked, others)]
    return tuple(found)


def _of_names(asked: FlowRequest) -> Iterable[Refusal]:
    for alias in (asked.source, asked.target):
        if not ALIAS.fullmatch(alias):
            yield Refusal(
                "alias",
                f"{alias} cannot stand before the names of topics",
                f"An alias holds letters, digits, - and _; the separator {SEPARATOR!r} would make names that cannot be read back.",
            )
    for kind, names in (("topic", asked.topics), ("group", asked.groups)):
        bad = [name for name in names if not NAME.fullmatch(name)]
        if bad:
            yield Refusal(
                f"{kind}s",
                f"{', '.join(bad[:5])}: not the name of a {kind}",
                "Letters, digits, '.', '_' and '-'; a final * for a prefix, * alone for all, ! before it to leave it out.",
            )
        elif not wanted(names):
            yield Refusal(f"{kind}s", f"The flow names no {kind}", f"Name some, or * for all {kind}s.")


def _of_ends(asked: FlowRequest, source: ClusterFacts, target: ClusterFacts) -> Iterable[Refusal]:
    if asked.source == asked.target or (source.cluster_id and source.cluster_id == target.cluster_id):
        # MirrorMaker accepts it, and then copies its own heartbeats into ever longer names without end.
        yield Refusal(
            "same_cluster",
            f"{asked.source} and {asked.target} are the same Kafka cluster ({source.cluster_id or asked.source})",
            "A flow needs two clusters. What you want may be a second topic.",
        )
    if not target.brokers:
        yield Refusal("target", f"No broker of {asked.target} serves now", "Start its brokers first.")


def _of_others(asked: FlowRequest, others: Collection[Existing]) -> Iterable[Refusal]:
    if any(each.source == asked.source and each.target == asked.target for each in others):
        yield Refusal(
            "exists",
            f"There is a flow {asked.name}",
            "Its objective can be changed; for all else delete it and make it anew: it goes on where it was. Connectors of it that "
            "are gone are made by asking for it again as it is.",
        )
        return
    back = [each for each in others if each.source == asked.target and each.target == asked.source]
    names_kept = asked.policy is Policy.IDENTITY or any(each.policy is Policy.IDENTITY for each in back)
    if back and names_kept:
        yield Refusal(
            "loop",
            f"{asked.target}->{asked.source} copies back, and one of the two keeps the names of topics: records would go round",
            "For both directions use names with the source's alias before them, or delete the flow back first.",
        )
    ring = cycle([*others, Existing(asked.source, asked.target, asked.policy, asked.topics)], asked)
    if ring and not (back and names_kept):
        yield Refusal(
            "loop",
            f"Records would go round without end: {' -> '.join(ring)}",
            "Break the ring, or use names with the source's alias before them for two flows that follow each other in it.",
        )
    into = [each for each in others if each.target == asked.target and each.policy is Policy.IDENTITY]
    if asked.policy is Policy.IDENTITY and into:
        yield Refusal(
            "two_sources",
            f"{into[0].source}->{into[0].target} keeps names too: two topics of one name would become one in {asked.target}",
            "Use names with the source's alias before them for one of the two.",
        )


def cycle(flows: Iterable[Existing], start: FlowRequest) -> tuple[str, ...]:
    """A ring through the new flow in which a record would go round for ever; empty where there is none.

    A flow with aliases does not copy what has been in its target already, by the names before the topic's own; a cluster's
    name is put there by a flow with aliases out of it. So a ring ends where one leads into a cluster and the next out of it.
    """
    graph: dict[str, dict[str, Policy]] = {}
    for each in flows:
        graph.setdefault(each.source, {})[each.target] = each.policy
    return next(_rings(graph, (start.source, start.target)), ())


def _rings(graph: Mapping[str, Mapping[str, Policy]], trail: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for following in graph.get(trail[-1], {}):
        if following == trail[0] and not _ends((*trail, following), graph):
            yield (*trail, following)
        elif following not in trail:
            yield from _rings(graph, (*trail, following))


def _ends(ring: tuple[str, ...], graph: Mapping[str, Mapping[str, Policy]]) -> bool:
    named = [graph[here][there] is Policy.PREFIX for here, there in pairwise(ring)]
    return any(one and other for one, other in zip(named, [*named[1:], named[0]], strict=True))
