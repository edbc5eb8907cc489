"""Taking a broker out for good: what has to move where, what forbids it, and the plan. Pure: facts in, plan out.

1. Controllers stay: a bundled cluster has as many as keep a majority when one fails, and no spare.
2. Replicas move to the brokers that serve, each to the one with the fewest that has no replica of the partition yet;
   it takes the place of the old one, so that preferred leaders stay spread as they were.
3. A partition stays where it is when no other broker is free for it, or when its only copy in sync is on a dead broker.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from controlplane.core.access import Action
from controlplane.core.commands import line
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
from controlplane.core.words import byte_size, counted, some

Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Hosted:
    """A partition with a replica on the broker that leaves. `moving`: a reassignment of it is at work."""

    topic: str
    partition: int
    replicas: tuple[int, ...]
    isr: tuple[int, ...]
    moving: bool = False

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}"


@dataclass(frozen=True, slots=True)
class Removal:
    """What is asked for."""

    broker: int
    move_replicas: bool = True
    delete_data: bool = False


@dataclass(frozen=True, slots=True)
class RemovalState:
    """`load`: replicas of each broker that serves and stays. `size`: bytes on the one that leaves; None: unknown.

    `leaving`: an earlier removal has got so far that it only has to be finished.
    """

    process: str
    alive: bool
    controllers: int
    controller: bool = False
    leaving: bool = False
    hosted: tuple[Hosted, ...] = ()
    load: Mapping[int, int] = field(default_factory=dict)
    size: int | None = None
    unjudged: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    hosted: Hosted
    target: int
    replicas: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Moves:
    """Of the partitions that do not move already. `stuck` ones with the reason in words."""

    moves: tuple[Move, ...]
    stuck: tuple[tuple[str, str], ...] = ()


def plan_moves(broker: int, state: RemovalState) -> Moves:
    load = dict(state.load)
    moves: list[Move] = []
    stuck: list[tuple[str, str]] = []
    resting = (each for each in state.hosted if not each.moving)
    for hosted in sorted(resting, key=lambda each: (each.topic, each.partition)):
        free = sorted((count, each) for each, count in load.items() if each not in hosted.replicas)
        if not state.alive and set(hosted.isr) <= {broker}:
            stuck.append((str(hosted), "its only copy in sync is on this broker, which does not run"))
        elif not free:
            stuck.append(
                (
                    str(hosted),
                    f"every other broker that serves has one of its {len(hosted.replicas)} replicas",
                )
            )
        else:
            target = free[0][1]
            load[target] += 1
            replaced = tuple(target if each == broker else each for each in hosted.replicas)
            moves.append(Move(hosted, target, replaced))
    return Moves(tuple(moves), tuple(stuck))


def plan_remove(asked: Removal, state: RemovalState, *, cluster: str) -> Plan:
    moves = plan_moves(asked.broker, state) if asked.move_replicas else Moves(())
    query = f"?move_replicas={_word(asked.move_replicas)}&delete_data={_word(asked.delete_data)}"
    return Plan(
        action=Action.BROKER_OPERATE,
        title=f"Remove broker {asked.broker}",
        apply_label=f"Remove broker {asked.broker}",
        cluster=cluster,
        steps=(*_move_steps(asked.broker, moves.moves), _leave(asked, state)),
        risk=Risk.DESTRUCTIVE if asked.delete_data else Risk.DISRUPTIVE,
        digest=_digest(asked, state),
        warnings=_warnings(asked, state, moves),
        refusals=_refusals(asked, state, moves),
        affected=tuple(
            Affected(
                "topic", topic, note=f"{len(some_moves)} replica{'s' if len(some_moves) > 1 else ''} move"
            )
            for topic, some_moves in _by_topic(moves.moves).items()
        ),
        undo="Add a broker: it is a new one, empty. "
        + ("What was on its disk is gone." if asked.delete_data else "The old one's data stays set aside."),
        commands=() if moves.moves else (_command(asked),),
        confirm_name=f"broker {asked.broker}" if asked.delete_data else None,
        request={"act": "remove", "broker": asked.broker, **_options(asked)},
        api=ApiCall("DELETE", api_path(cluster, "brokers", str(asked.broker)) + query),
    )


def _options(asked: Removal) -> dict[str, Json]:
    return {"move_replicas": asked.move_replicas, "delete_data": asked.delete_data}


def _word(value: bool) -> str:
    return "true" if value else "false"


def _command(asked: Removal) -> str:
    return f"python -m broker remove {asked.broker}" + (" --delete-data" if asked.delete_data else "")


def _digest(asked: Removal, state: RemovalState) -> str:
    return state_digest(
        {
            "request": [asked.broker, asked.move_replicas, asked.delete_data],
            "alive": state.alive,
            "leaving": state.leaving,
            "hosted": sorted([each.topic, each.partition, *each.replicas] for each in state.hosted),
            "serving": sorted(state.load),
        }
    )


def _by_topic(moves: Sequence[Move]) -> dict[str, list[Move]]:
    grouped: dict[str, list[Move]] = {}
    for move in moves:
        grouped.setdefault(move.hosted.topic, []).append(move)
    return grouped


def _move_steps(broker: int, moves: Sequence[Move]) -> tuple[PlanStep, ...]:
    return tuple(
        PlanStep(
            StepKind.ALTER,
            "topic",
            topic,
            (
                Change(
                    f"replicas on broker {broker}",
                    str(len(some_moves)),
                    "0",
                    some(
                        [f"partition {move.hosted.partition} to broker {move.target}" for move in some_moves]
                    ),
                ),
            ),
        )
        for topic, some_moves in _by_topic(moves).items()
    )


def _leave(asked: Removal, state: RemovalState) -> PlanStep:
    data = None if asked.delete_data else "set aside under clusters/…/removed"
    return PlanStep(
        StepKind.DELETE,
        "broker",
        str(asked.broker),
        (
            Change("process", state.process, "stopped, and not started again"),
            Change("registration in Kafka", f"broker {asked.broker}", None),
            Change("certificate, key and settings", "on disk", None),
            Change("data directory", "on disk", data),
        ),
        summary="after its last replica has moved" if state.hosted else "it hosts no replica",
    )


def _warnings(asked: Removal, state: RemovalState, moves: Moves) -> tuple[str, ...]:
    found = []
    if moves.moves:
        size = "what they hold" if state.size is None else byte_size(state.size)
        found.append(
            f"{counted(len(moves.moves), 'replica')} ({size}) are copied over the network without a throttle. "
            "Partitions stay readable and writable meanwhile."
        )
    if state.leaving:
        found.append("An earlier removal was broken off. This one goes on from where it stopped.")
    if asked.delete_data:
        found.append("Its data directory is deleted and cannot be brought back.")
    return tuple(found)


def _refusals(asked: Removal, state: RemovalState, moves: Moves) -> tuple[Refusal, ...]:
    broker = asked.broker
    if state.controller:
        controllers = state.controllers
        what = (
            f"Broker {broker} is one of {controllers} controllers"
            if controllers > 1
            else f"Broker {broker} is the only controller"
        )
        hint = (
            "Controllers are for life here: without it no spare would be left. "
            "Brokers that were added later can be removed."
        )
        return (Refusal("voter", what, hint),)
    if state.unjudged:
        hint = "Nothing is removed while it is unknown what the broker hosts."
        return (Refusal("unjudged", f"Kafka cannot be asked: {state.unjudged}", hint),)
    if state.hosted and not asked.move_replicas:
        return (_hosts(broker, state),)
    busy = [str(each) for each in state.hosted if each.moving]
    found = []
    if busy:
        hint = "Wait for that reassignment to end, or cancel it."
        found.append(Refusal("moving", f"{some(busy)}: being moved already", hint))
    for reason in dict.fromkeys(why for _, why in moves.stuck):
        names = [name for name, why in moves.stuck if why == reason]
        found.append(Refusal("no_place", f"{some(names)}: {reason}", _way_out(state)))
    return tuple(found)


def _way_out(state: RemovalState) -> str:
    if not state.alive:
        return "Start the broker first, so that its replicas can be copied."
    return "Start the brokers that are down, add another broker, or delete these topics."


def _hosts(broker: int, state: RemovalState) -> Refusal:
    topics = sorted({each.topic for each in state.hosted})
    what = (
        f"Broker {broker} hosts {counted(len(state.hosted), 'replica')} of "
        f"{counted(len(topics), 'topic')}: {some(topics)}"
    )
    wanted = json.dumps({"version": 1, "topics": [{"topic": topic} for topic in topics[:3]]})
    command = line(
        "kafka-reassign-partitions.sh",
        "--generate",
        "--topics-to-move-json-file",
        "topics.json",
        "--broker-list",
        ",".join(map(str, sorted(state.load))),
    )
    hint = f"Let the removal move them first, or move them yourself: write {wanted} to topics.json, then {command}"
    return Refusal("hosts_replicas", what, hint)
