"""Plans for topics: create, alter configs, add partitions, delete.

Each takes the present state and a request and returns a frozen plan; refusals say why and what to do instead.
What only the broker can judge (policies, value types) is added by the service from Kafka's own validation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from controlplane.clusters.logic.topic_names import check_name, collision
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
)
from controlplane.topics.logic import commands
from controlplane.topics.logic.state import ClusterState, TopicState

MAX_PARTITIONS = 10_000


@dataclass(frozen=True, slots=True)
class CreateTopic:
    name: str
    partitions: int
    replication_factor: int
    configs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AlterConfigs:
    """`to_delete` names configs that go back to their default."""

    to_set: Mapping[str, str]
    to_delete: Sequence[str] = ()


def plan_create(
    request: CreateTopic, state: ClusterState, *, cluster: str, broker_refusal: Refusal | None = None
) -> Plan:
    body: dict[str, Json] = {
        "name": request.name,
        "partitions": request.partitions,
        "replication_factor": request.replication_factor,
        "configs": dict(request.configs),
    }
    refusals = [*_create_refusals(request, state), *([broker_refusal] if broker_refusal else [])]
    changes = (
        Change("partitions", None, str(request.partitions)),
        Change("replication factor", None, str(request.replication_factor)),
        *(Change(name, None, value) for name, value in sorted(request.configs.items())),
    )
    return Plan(
        action=Action.TOPIC_CREATE,
        title=f"Create topic {request.name}",
        apply_label=f"Create {request.name}",
        cluster=cluster,
        steps=(PlanStep(StepKind.CREATE, "topic", request.name, changes),),
        risk=Risk.REVERSIBLE,
        digest=state.digest_for(request.name),
        warnings=_create_warnings(request, state),
        refusals=tuple(refusals),
        undo="Delete the topic. Records produced until then go with it.",
        commands=(
            commands.create(request.name, request.partitions, request.replication_factor, request.configs),
        ),
        request=body,
        api=ApiCall("POST", api_path(cluster, "topics"), body),
    )


def _create_refusals(request: CreateTopic, state: ClusterState) -> list[Refusal]:
    found = [check_name(request.name)]
    if request.name in state.names:
        found.append(
            Refusal("exists", f"Topic {request.name} exists already", "Open it, or choose another name.")
        )
    elif other := collision(request.name, state.names):
        found.append(
            Refusal(
                "collision",
                f"{request.name} collides with {other}: Kafka's metric names do not tell '.' from '_'",
                "Use either '.' or '_' throughout.",
            )
        )
    if not 1 <= request.partitions <= MAX_PARTITIONS:
        found.append(
            Refusal("partitions", f"{request.partitions} partitions", f"Between 1 and {MAX_PARTITIONS:,}.")
        )
    if not 1 <= request.replication_factor <= max(state.brokers, 1):
        found.append(
            Refusal(
                "replication_factor",
                f"Replication factor {request.replication_factor} with {state.brokers} live brokers",
                f"Each replica needs a broker of its own: between 1 and {state.brokers}.",
            )
        )
    found.append(_min_isr_refusal(request.configs, request.replication_factor))
    return [refusal for refusal in found if refusal is not None]


def _min_isr_refusal(configs: Mapping[str, str], replication_factor: int) -> Refusal | None:
    raw = configs.get("min.insync.replicas", "")
    if raw.isdigit() and int(raw) > replication_factor:
        return Refusal(
            "min_isr",
            f"min.insync.replicas {raw} with replication factor {replication_factor}",
            "Producers with acks=all could never write. Use at most the replication factor minus one.",
        )
    return None


def _create_warnings(request: CreateTopic, state: ClusterState) -> tuple[str, ...]:
    warnings = []
    min_isr = _effective_min_isr(request.configs, state.min_insync_replicas)
    if request.replication_factor == 1:
        warnings.append("One replica: losing its broker loses the records, and a restart stops the topic.")
    elif min_isr is not None and min_isr >= request.replication_factor:
        warnings.append(
            f"min.insync.replicas {min_isr} equals the replication factor: "
            "producers with acks=all stop as soon as one broker restarts."
        )
    if request.configs.get("unclean.leader.election.enable") == "true":
        warnings.append("Unclean leader election can lose acknowledged records.")
    return tuple(warnings)


def _effective_min_isr(configs: Mapping[str, str], default: int) -> int | None:
    raw = configs.get("min.insync.replicas", str(default))
    return int(raw) if raw.isdigit() else None


def plan_alter_configs(
    request: AlterConfigs, state: TopicState, *, cluster: str, broker_refusal: Refusal | None = None
) -> Plan:
    changes = tuple(_config_changes(request, state))
    refusals = [
        _internal_refusal(state) if state.internal else None,
        _both_refusal(request),
        _min_isr_refusal(request.to_set, state.replication_factor),
        None
        if changes
        else Refusal("nothing", "Nothing would change", "Every value is already as requested."),
        broker_refusal,
    ]
    to_set = {
        change.field: change.after for change in changes if change.note != DEFAULT_NOTE and change.after
    }
    to_delete = [change.field for change in changes if change.note == DEFAULT_NOTE]
    return Plan(
        action=Action.TOPIC_EDIT,
        title=f"Change settings of {state.name}",
        apply_label=f"Change {len(changes)} setting{'s' if len(changes) != 1 else ''}",
        cluster=cluster,
        steps=(PlanStep(StepKind.ALTER, "topic", state.name, changes),) if changes else (),
        risk=Risk.DISRUPTIVE if _can_lose_records(changes) else Risk.REVERSIBLE,
        digest=state.digest,
        warnings=tuple(warning for change in changes for warning in _config_warnings(change, state)),
        refusals=tuple(refusal for refusal in refusals if refusal),
        affected=_affected(state),
        undo=(
            "Set the former values again: Operations keeps them. Records deleted until then do not come back."
            if _can_lose_records(changes)
            else "Set the former values again: Operations keeps them."
        ),
        commands=(commands.alter(state.name, to_set, to_delete),) if changes else (),
        request={"set": dict(request.to_set), "delete": list(request.to_delete)},
        api=ApiCall(
            "PATCH",
            api_path(cluster, "topics", state.name, "configs"),
            {"set": dict(request.to_set), "reset": list(request.to_delete)},
        ),
    )


DEFAULT_NOTE = "default"


def _both_refusal(request: AlterConfigs) -> Refusal | None:
    both = sorted(request.to_set.keys() & set(request.to_delete))
    if not both:
        return None
    return Refusal(
        "set_and_reset", f"{', '.join(both)}: to be set and to be reset at once", "Ask for one of the two."
    )


def _config_changes(request: AlterConfigs, state: TopicState) -> list[Change]:
    changes = []
    for name, value in sorted(request.to_set.items()):
        before = state.configs.get(name, state.defaults.get(name))
        if name not in state.configs or state.configs[name] != value:
            source = "set on the topic" if name in state.configs else "the default applies"
            changes.append(Change(name, before, value, default=state.defaults.get(name), source=source))
    for name in sorted(set(request.to_delete) - set(request.to_set)):
        if name in state.configs:
            default = state.defaults.get(name)
            changes.append(
                Change(
                    name,
                    state.configs[name],
                    default,
                    DEFAULT_NOTE,
                    default=default,
                    source="set on the topic",
                )
            )
    return changes


def _can_lose_records(changes: Sequence[Change]) -> bool:
    return any(_shortens(change) for change in changes)


def _shortens(change: Change) -> bool:
    """Whether retention gets smaller (−1 is unlimited) or the clean-up policy changes."""
    if change.field == "cleanup.policy":
        return change.before != change.after
    if change.field not in ("retention.ms", "retention.bytes"):
        return False
    before, after = (_limit(change.before), _limit(change.after))
    return before is not None and after is not None and after < before


def _limit(raw: str | None) -> float | None:
    try:
        number = int(raw) if raw is not None else None
    except ValueError:
        return None
    return float("inf") if number == -1 else number


def _config_warnings(change: Change, state: TopicState) -> list[str]:
    match change.field:
        case "retention.ms" | "retention.bytes" if _shortens(change):
            return ["Records beyond the new retention are deleted within minutes, for good."]
        case "cleanup.policy" if change.before != change.after:
            return [
                f"Clean-up changes from {change.before} to {change.after}: "
                "a compacted topic keeps only the newest record of each key, a deleting one drops old segments."
            ]
        case "min.insync.replicas" if change.after == str(state.replication_factor):
            return ["Producers with acks=all stop as soon as one replica is out of sync."]
        case "unclean.leader.election.enable" if change.after == "true":
            return ["Unclean leader election can lose acknowledged records."]
    return []


def plan_add_partitions(count: int, state: TopicState, *, cluster: str) -> Plan:
    refusals = [_internal_refusal(state)] if state.internal else []
    if count <= state.partitions:
        refusals.append(
            Refusal(
                "partitions",
                f"{state.name} has {state.partitions} partitions; {count} would not be more",
                "Kafka cannot remove partitions. Create a topic with fewer and copy the records.",
            )
        )
    elif count > MAX_PARTITIONS:
        refusals.append(Refusal("partitions", f"{count:,} partitions", f"At most {MAX_PARTITIONS:,}."))
    change = Change("partitions", str(state.partitions), str(count))
    return Plan(
        action=Action.TOPIC_EDIT,
        title=f"Add partitions to {state.name}",
        apply_label=f"Add {max(count - state.partitions, 0)} partitions",
        cluster=cluster,
        steps=(PlanStep(StepKind.ALTER, "topic", state.name, (change,)),),
        risk=Risk.DISRUPTIVE,
        digest=state.digest,
        warnings=(
            "Keys map to other partitions from now on: the order per key holds only among new records.",
        ),
        refusals=tuple(refusals),
        affected=_affected(state),
        undo="None: Kafka cannot remove partitions.",
        commands=(commands.add_partitions(state.name, count),),
        request={"partitions": count},
        api=ApiCall("PATCH", api_path(cluster, "topics", state.name, "partitions"), {"partitions": count}),
    )


def plan_delete(state: TopicState, *, cluster: str) -> Plan:
    facts = [
        Change("partitions", str(state.partitions), None),
        Change("replication factor", str(state.replication_factor), None),
        *(Change(name, value, None) for name, value in sorted(state.configs.items())),
    ]
    records = "all its records" if state.records is None else _about_records(state.records)
    return Plan(
        action=Action.TOPIC_DELETE,
        title=f"Delete topic {state.name}",
        apply_label=f"Delete {state.name}",
        cluster=cluster,
        steps=(PlanStep(StepKind.DELETE, "topic", state.name, tuple(facts)),),
        risk=Risk.DESTRUCTIVE,
        digest=state.digest,
        warnings=(f"{state.name} and {records} are deleted on every broker.",),
        refusals=(_internal_refusal(state),) if state.internal else (),
        affected=_affected(state),
        undo="None. Settings can be read in Operations; records cannot be brought back.",
        commands=(commands.delete(state.name),),
        confirm_name=state.name,
        api=ApiCall("DELETE", api_path(cluster, "topics", state.name)),
    )


def _about_records(count: int) -> str:
    return f"about {count:,} record{'' if count == 1 else 's'}"


def _internal_refusal(state: TopicState) -> Refusal:
    return Refusal(
        "internal",
        f"{state.name} is an internal topic",
        "Kafka, a Connect worker or a flow manages it. Changing it can stop every consumer, transaction or connector of the cluster.",
    )


def _affected(state: TopicState) -> tuple[Affected, ...]:
    return tuple(Affected("consumer group", group) for group in state.groups)
