"""Plans for client quotas: alter, remove, go back to a before-image, observe every client.

A quota that is new or lower slows clients down; one that covers another makes it ineffective. Both are said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from controlplane.clusters.logic.quota_words import OBSERVING
from controlplane.clusters.logic.quota_words import is_observing as is_observing
from controlplane.core.access import Action
from controlplane.core.plans import (
    Affected,
    ApiCall,
    Change,
    Json,
    Plan,
    PlanStep,
    Refusal,
    Risk,
    StepKind,
    api_path,
    state_digest,
)
from controlplane.gateways.kafka.access_types import QuotaEntity
from controlplane.quotas.logic import commands, units
from controlplane.quotas.logic.effective import Quotas, covers, sharing
from controlplane.quotas.logic.entities import (
    BY_NAME,
    CLIENT_ID,
    CLIENT_KEYS,
    IP,
    USER,
    check_entity,
    check_value,
    entity_of,
    title,
)

SLOW = 16_384


@dataclass(frozen=True, slots=True)
class AlterQuotas:
    """`values` None removes that limit; keys that are not named stay."""

    entity: QuotaEntity
    values: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Own:
    """Kastellan as a client of the cluster: the bare names of its super users, its client id, where it connects from."""

    users: frozenset[str] = frozenset()
    client_id: str = ""
    hosts: frozenset[str] = frozenset()

    def named_in(self, entity: QuotaEntity) -> str | None:
        return next((name for kind, name in entity if kind == USER and name in self.users), None)

    def reached_by(self, entity: QuotaEntity) -> bool:
        """Whether the quota would hold for Kastellan itself, as a default or by its client id or address."""
        mine = {USER: self.users, CLIENT_ID: frozenset({self.client_id}), IP: self.hosts}
        return all(name is None or name in mine.get(kind, ()) for kind, name in entity)


#: Below these Kastellan could no longer operate the cluster, and nobody could take the quota away with it.
FLOORS: Mapping[str, float] = {
    "producer_byte_rate": 10_000,
    "consumer_byte_rate": 10_000,
    "request_percentage": 5,
    "controller_mutation_rate": 1,
    "connection_creation_rate": 20,
}


@dataclass(frozen=True, slots=True)
class QuotaState:
    """The cluster's quotas now; plans look at one entity and warn about its neighbours."""

    quotas: Quotas
    brokers: int = 0
    own: Own = Own()

    def of(self, entity: QuotaEntity) -> Mapping[str, float]:
        return self.quotas.get(entity, {})

    def digest(self, *entities: QuotaEntity) -> str:
        return state_digest({title(each): dict(sorted(self.of(each).items())) for each in entities})


@dataclass(frozen=True, slots=True)
class _Wording:
    title: str
    apply_label: str
    extra: tuple[str, ...] = field(default=())


def plan_alter(
    request: AlterQuotas, state: QuotaState, *, cluster: str, broker_refusal: Refusal | None = None
) -> Plan:
    name = title(request.entity) or "nobody"
    new = not state.of(request.entity)
    wording = _Wording(
        f"{'Set' if new else 'Change'} the quota of {name}", f"{'Set' if new else 'Change'} the quota"
    )
    return _plan(request, state, cluster, wording, broker_refusal)


def plan_delete(entity: QuotaEntity, state: QuotaState, *, cluster: str) -> Plan:
    name = title(entity) or "nobody"
    wording = _Wording(f"Remove the quota of {name}", "Remove the quota")
    return _plan(AlterQuotas(entity, dict.fromkeys(state.of(entity))), state, cluster, wording, None)


def plan_revert(entity: QuotaEntity, before: Mapping[str, float], state: QuotaState, *, cluster: str) -> Plan:
    """Back to exactly the before-image: what it did not have goes."""
    values: dict[str, float | None] = {**dict.fromkeys(state.of(entity)), **before}
    wording = _Wording(f"Revert the quota of {title(entity)}", "Revert the quota")
    return _plan(AlterQuotas(entity, values), state, cluster, wording, None)


def observing_requests(state: QuotaState) -> tuple[AlterQuotas, ...]:
    """Per key the entity that shows clients in the finest detail and takes precedence over no quota that there is."""
    chosen: dict[QuotaEntity, dict[str, float | None]] = {}
    for key in CLIENT_KEYS:
        holders = [entity for entity, values in state.quotas.items() if key.name in values]
        for parts in ({USER: None, CLIENT_ID: None}, {USER: None}, {CLIENT_ID: None}):
            entity = entity_of(parts)
            if entity in holders:
                break  # every client that reaches this level has a sensor already
            if not any(covers(entity, other) for other in holders):
                chosen.setdefault(entity, {})[key.name] = OBSERVING[key.name]
                break
    return tuple(AlterQuotas(entity, values) for entity, values in chosen.items())


def observed_requests(state: QuotaState) -> tuple[AlterQuotas, ...]:
    """Removes what `observing_requests` has set, and nothing else."""
    found = []
    for entity, values in state.quotas.items():
        keys = [key for key, value in values.items() if is_observing(key, value)]
        if keys:
            found.append(AlterQuotas(entity, dict.fromkeys(keys)))
    return tuple(found)


def plan_many(
    requests: Sequence[AlterQuotas],
    state: QuotaState,
    *,
    cluster: str,
    name: str,
    label: str,
    extra: tuple[str, ...],
) -> Plan:
    """One plan of several entities, for observing on and off."""
    each = [plan_alter(request, state, cluster=cluster) for request in requests]
    nothing = Refusal("nothing", "Nothing would change", "The sensors are already as wanted.")
    return Plan(
        action=Action.QUOTA_EDIT,
        title=name,
        apply_label=label,
        cluster=cluster,
        steps=tuple(step for plan in each for step in plan.steps),
        risk=Risk.REVERSIBLE,
        digest=state.digest(*(request.entity for request in requests)),
        warnings=(
            *extra,
            *(warning for plan in each for warning in plan.warnings if "precedence" in warning),
        ),
        refusals=() if each else (nothing,),
        undo="Start or stop observing again; every change is kept in Operations.",
        commands=tuple(command for plan in each for command in plan.commands),
        request={"entities": [dict(request.entity) for request in requests]},
    )


def _plan(
    request: AlterQuotas, state: QuotaState, cluster: str, wording: _Wording, broker_refusal: Refusal | None
) -> Plan:
    entity, before = request.entity, state.of(request.entity)
    changes = _changes(request, before)
    to_set = {
        key: value for key, value in request.values.items() if value is not None and before.get(key) != value
    }
    removed = [key for key, value in request.values.items() if value is None and key in before]
    wrong = [refusal for refusal in (*_refusals(request), broker_refusal) if refusal]
    refusals = wrong or _lockouts(request, state.own)
    if not refusals and not changes:
        refusals.append(Refusal("nothing", "Nothing would change", "Every limit is already as requested."))
    after = {**{k: v for k, v in before.items() if k not in removed}, **to_set}
    kind = StepKind.DELETE if not after else StepKind.ALTER if before else StepKind.CREATE
    tighter = any(key not in before or value < before[key] for key, value in to_set.items())
    risky = tighter and not all(is_observing(key, value) for key, value in to_set.items())
    refused = tuple(refusal for refusal in refusals if refusal)
    return Plan(
        action=Action.QUOTA_EDIT,
        title=wording.title,
        apply_label=wording.apply_label,
        cluster=cluster,
        steps=(PlanStep(kind, "quota", title(entity), changes),) if changes else (),
        risk=Risk.DISRUPTIVE if risky else Risk.REVERSIBLE,
        digest=state.digest(entity),
        warnings=() if refused else (*_warnings(request, state, to_set), *wording.extra),
        refusals=refused,
        affected=() if refused else _affected(entity, to_set, state),
        undo="Revert on the quota's page puts the former values back, as a plan.",
        commands=(commands.alter(entity, to_set, removed),) if changes and not refused else (),
        request={"entity": _json(entity), "quotas": dict(request.values)},
        api=ApiCall(
            "PUT", api_path(cluster, "quotas"), {"entity": _json(entity), "quotas": dict(request.values)}
        ),
    )


def _changes(request: AlterQuotas, before: Mapping[str, float]) -> tuple[Change, ...]:
    changes = []
    for key, value in sorted(request.values.items()):
        if before.get(key) != value:
            changes.append(Change(key, _shown(key, before.get(key)), _shown(key, value)))
    return tuple(changes)


def _shown(key: str, value: float | None) -> str | None:
    if value is None:
        return None
    if is_observing(key, value):
        return "observing only"
    known = BY_NAME.get(key)
    return units.exact(value, known) if known else units.raw(value)


def _refusals(request: AlterQuotas) -> list[Refusal | None]:
    wrong = check_entity(request.entity)
    if wrong:
        return [wrong]
    unknown = [key for key in request.values if key not in BY_NAME]
    checked = [check_value(request.entity, k, v) for k, v in request.values.items() if v is not None]
    return [
        *checked,
        *(Refusal("key", f"Kafka knows no quota {key!r}") for key in unknown if request.values[key] is None),
    ]


def _lockouts(request: AlterQuotas, own: Own) -> list[Refusal]:
    """A quota binds super users too, so one request could lock everybody out of the product for good."""
    limits = {key: value for key, value in request.values.items() if value is not None}
    name = own.named_in(request.entity)
    if name is not None and limits:
        return [
            Refusal(
                "own",
                f"{name} is Kastellan's own, and a limit on it would lock Kastellan out of this cluster",
                "Limit your applications; take limits away from it if it has any.",
            )
        ]
    if not own.reached_by(request.entity):
        return []
    return [
        Refusal(
            f"{key}_locks_out",  # beside the field of that limit
            f"{BY_NAME[key].label} {units.exact(value, BY_NAME[key])} would hold for Kastellan itself, which could then no longer take it back",
            f"At least {units.exact(FLOORS[key], BY_NAME[key])} here, or name the users that you want to limit.",
        )
        for key, value in limits.items()
        if value < FLOORS.get(key, 0)
    ]


def _warnings(request: AlterQuotas, state: QuotaState, to_set: Mapping[str, float]) -> list[str]:
    if not to_set:
        return ["Without this limit the next level of Kafka's precedence decides: Effective shows which."]
    warnings = [sharing(request.entity)]
    if all(name is None for _, name in request.entity) and not all(
        map(is_observing, to_set, to_set.values())
    ):
        warnings.append("Kastellan is a client too: a default that is too low slows its own pages and polls.")
    if state.brokers > 1 and {"producer_byte_rate", "consumer_byte_rate"} & to_set.keys():
        warnings.append(
            f"Each of the {state.brokers} brokers counts by itself: a client that uses all of them "
            f"may reach {state.brokers} times the rate."
        )
    slow = [key for key in ("producer_byte_rate", "consumer_byte_rate") if to_set.get(key, SLOW) < SLOW]
    if slow:
        warnings.append(
            f"{' and '.join(slow)} below {SLOW:,} B/s: one usual batch is held for longer than a second."
        )
    for key in sorted(to_set):
        first = [
            other for other, values in state.quotas.items() if key in values and covers(other, request.entity)
        ]
        if first:
            warnings.append(
                f"{key} has no effect here: {title(first[0])} takes precedence for every such client."
            )
    return warnings


def _affected(entity: QuotaEntity, to_set: Mapping[str, float], state: QuotaState) -> tuple[Affected, ...]:
    found = []
    for other, values in state.quotas.items():
        keys = sorted(key for key in to_set if key in values and covers(entity, other))
        if keys:
            found.append(Affected("quota", title(other), note=f"no longer decides {', '.join(keys)}"))
    return tuple(found)


def _json(entity: QuotaEntity) -> dict[str, Json]:
    return dict(entity)
