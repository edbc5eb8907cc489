"""Changes to connectors: plan with the plugin's own validation, apply, verify, record. Secrets pass through as arguments
only: they are in no plan, no operation and no log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from controlplane.audit.services import Entry, operation
from controlplane.connect import guarding, keeping, needing, restarting, selectors
from controlplane.connect.logic import confinement, offsets, plans, topics
from controlplane.connect.logic.plans import ConnectorAct, Known, Wanted
from controlplane.connect.selectors import Connect
from controlplane.core.access import Action, Actor
from controlplane.core.errors import Forbidden, Refused
from controlplane.core.plans import Json, Plan, Refusal
from controlplane.core.verify import verify
from controlplane.gateways.connect import (
    ConnectApi,
    ConnectorStatus,
    Offset,
    State,
    left_masked,
    mask,
    restored,
)
from controlplane.gateways.errors import Conflict, GatewayError, NotFound

SETTLES_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class PutConnector:
    """`config` may hold masks where a stored value is meant to stay. `initial_state` counts for a new one (KIP-980)."""

    name: str
    config: Mapping[str, str] = field(repr=False)
    initial_state: State = State.RUNNING


def plan_put(actor: Actor, connect: Connect, asked: PutConnector) -> Plan:
    """Raises Forbidden where the settings take more than the right to edit connectors."""
    before, known, secret = _before(connect.api, asked.name)
    config = _meant(asked, before, secret)
    needing.demand_all(actor, connect, config, before)
    refusals = [*_refusals(connect, asked.name, config, before)]
    errors: Mapping[str, tuple[str, ...]] = {}
    kind = known.kind if known else "source"
    if not refusals:
        try:
            validation = connect.api.validation(config["connector.class"], config)
            errors, secret = validation.errors, secret | validation.secrets
        except GatewayError as error:
            errors = {"connector.class": (error.what,)}
        kind = "sink" if "topics" in config or "topics.regex" in config else "source"
    uses = selectors.topics_of(connect.cluster, config, kind)
    wanted = Wanted(
        asked.name,
        mask(config, secret),
        selectors.fingerprint(config),
        errors,
        uses,
        () if refusals else selectors.rights_without(connect, asked.name, config, uses),
        initial_state=asked.initial_state.value,
    )
    plan = plans.plan_put(
        wanted, known, cluster=connect.cluster.name, connect=connect.name, refusals=refusals
    )
    return guarding.about(connect, asked.name, plan)


def _before(api: ConnectApi, name: str) -> tuple[dict[str, str], Known | None, frozenset[str]]:
    """What is stored, the same for people, and what the plugin calls passwords."""
    try:
        config = api.config(name)
        secret = selectors.passwords_of(api, config)
        return config, selectors.known_of(config, api.status(name), secret), secret
    except NotFound:
        return {}, None, frozenset()


def _meant(asked: PutConnector, before: Mapping[str, str], secret: frozenset[str]) -> dict[str, str]:
    """With the stored secrets where their masks came back, and the name that the worker adds itself. A secret goes only
    where it was given for: to another address it has to be typed again."""
    return {**restored(asked.config, confinement.staying(before, asked.config), secret), "name": asked.name}


def _refusals(
    connect: Connect, name: str, config: Mapping[str, str], before: Mapping[str, str]
) -> list[Refusal]:
    found = [refusal for refusal in (confinement.name_refusal(name),) if refusal]
    moved = ", ".join(confinement.moved(before, config))
    if not config.get("connector.class"):
        found.append(Refusal("connector_class", "No connector.class is given", "Choose a plugin."))
    found += [
        Refusal(
            "masked",
            f"{setting} holds the mask and no value",
            f"Type the value: it was given for another {moved}."
            if moved
            else "Type the value, or leave what was stored.",
        )
        for setting in left_masked(config)
    ]
    return [*found, *topics.refusals(config), *_confined(connect, config, before)]


def _confined(connect: Connect, config: Mapping[str, str], before: Mapping[str, str]) -> tuple[Refusal, ...]:
    """On this machine a connector is kept from what is not its own; what others' machines hold is theirs to guard."""
    files = connect.files
    if files is None:
        return ()
    stays = needing.own_references(config, before)
    return confinement.refusals(config, lambda path: selectors.inside(files, path), stays)


def may_be_tried(actor: Actor, connect: Connect, config: Mapping[str, str]) -> bool:
    """Whether a plugin may be asked about settings that nobody has reviewed yet."""
    if _confined(connect, config, {}):
        return False
    try:
        needing.demand_all(actor, connect, config, {})
    except Forbidden:
        return False
    return True


def apply_put(actor: Actor, connect: Connect, asked: PutConnector, plan: Plan) -> None:
    before, known, secret = _before(connect.api, asked.name)
    config = _meant(asked, before, secret)
    with _operation(
        actor,
        connect,
        asked.name,
        plan,
        before=dict(mask(before, secret)) if known else None,
        needs=needing.needs(connect, config, before),
    ):
        # Looked at once more: a link may have been laid since the plan.
        refusals = _confined(connect, config, before)
        if refusals:
            raise Refused(refusals, plan)
        # Not as far as it can be known, as for showing: what is missed here would be stored in plain.
        secret |= connect.api.validation(config["connector.class"], config).secrets
        with keeping.kept(connect, asked.name, config, secret, before) as sent:
            _send(connect, asked, sent, new=known is None)


def _operation(
    actor: Actor,
    connect: Connect,
    name: str,
    plan: Plan,
    *,
    before: Json = None,
    needs: Sequence[Action] = (),
) -> AbstractContextManager[Entry]:
    """`needs`: beside what a flow needs whose connector it is."""
    return operation(
        actor,
        plan.action,
        cluster=connect.cluster.name,
        target=name,
        plan=plan,
        before=before,
        needs=(*needs, *guarding.needs(connect, name, plan.action)),
    )


def _send(connect: Connect, asked: PutConnector, config: Mapping[str, str], *, new: bool) -> None:
    if new:
        connect.api.create(asked.name, config, asked.initial_state)
    else:
        connect.api.put_config(asked.name, config)
        restarting.begin_anew(connect, asked.name)
    verify("the connector's settings", lambda: _has(connect.api, asked.name, config), seconds=SETTLES_SECONDS)


def _has(api: ConnectApi, name: str, config: Mapping[str, str]) -> bool:
    try:
        return api.config(name) == dict(config) and api.status(name).state is not State.UNKNOWN
    except (NotFound, Conflict):
        # What was just made is shared out among the workers, which tell nothing meanwhile.
        return False


def plan_act(connect: Connect, name: str, act: ConnectorAct) -> Plan:
    plan = plans.plan_act(
        act, selectors.known(connect, name), cluster=connect.cluster.name, connect=connect.name
    )
    return guarding.about(connect, name, plan)


def apply_act(actor: Actor, connect: Connect, name: str, act: ConnectorAct, plan: Plan) -> None:
    does: dict[ConnectorAct, Callable[[], None]] = {
        ConnectorAct.PAUSE: lambda: connect.api.pause(name),
        ConnectorAct.RESUME: lambda: connect.api.resume(name),
        ConnectorAct.STOP: lambda: connect.api.stop(name),
        ConnectorAct.RESTART: lambda: connect.api.restart(name),
        ConnectorAct.RESTART_FAILED: lambda: connect.api.restart(name, only_failed=True),
    }
    rests = (State.PAUSED, State.STOPPED)
    wanted: dict[ConnectorAct, Callable[[ConnectorStatus], bool]] = {
        ConnectorAct.PAUSE: lambda found: found.state is State.PAUSED,
        ConnectorAct.STOP: lambda found: found.state is State.STOPPED and not found.tasks,
        ConnectorAct.RESUME: lambda found: found.state not in rests,
    }
    with _operation(actor, connect, name, plan) as entry:
        entry.note(act=act.value)
        does[act]()
        restarting.begin_anew(connect, name)
        if act in wanted:
            verify(
                f"{act.value} of {name}",
                lambda: (found := _status(connect.api, name)) is not None and wanted[act](found),
                seconds=SETTLES_SECONDS,
            )


def _status(api: ConnectApi, name: str) -> ConnectorStatus | None:
    """None while the workers share their work out anew."""
    try:
        return api.status(name)
    except Conflict:
        return None


def plan_delete(connect: Connect, name: str) -> Plan:
    plan = plans.plan_delete(
        selectors.known(connect, name), cluster=connect.cluster.name, connect=connect.name
    )
    return guarding.about(connect, name, plan)


def apply_delete(actor: Actor, connect: Connect, name: str, plan: Plan) -> None:
    before: dict[str, Json] = dict(selectors.masked(connect, name))
    kept = keeping.owners_in(connect.api.config(name).values())
    with _operation(actor, connect, name, plan, before=before):
        connect.api.delete(name)
        restarting.forget(connect, name)
        verify("the connector is gone", lambda: name not in connect.api.names(), seconds=SETTLES_SECONDS)
        keeping.tidy(connect, name, kept)


def plan_reset_offsets(connect: Connect, name: str) -> Plan:
    plan = plans.plan_reset_offsets(
        selectors.known(connect, name),
        selectors.offsets_in_words(connect, name),
        cluster=connect.cluster.name,
        connect=connect.name,
    )
    return guarding.about(connect, name, plan)


def plan_alter_offsets(connect: Connect, name: str, wanted: Sequence[Offset]) -> Plan:
    known = selectors.known(connect, name)
    plan = offsets.plan_alter(
        known,
        connect.api.offsets(name),
        wanted,
        cluster=connect.cluster.name,
        connect=connect.name,
        ends=selectors.ends_of(connect, wanted) if known.kind == "sink" else None,
    )
    return guarding.about(connect, name, plan)


def apply_alter_offsets(
    actor: Actor, connect: Connect, name: str, wanted: Sequence[Offset], plan: Plan
) -> None:
    with _operation(actor, connect, name, plan) as entry:
        entry.remember(offsets.json_of(connect.api.offsets(name)))
        entry.note(said=connect.api.alter_offsets(name, wanted))
        # Another form of the same (a number as text) would be another plan again.
        verify("the offsets", lambda: not plan_alter_offsets(connect, name, wanted).steps)


def apply_reset_offsets(actor: Actor, connect: Connect, name: str, plan: Plan) -> None:
    with _operation(actor, connect, name, plan) as entry:
        entry.remember(offsets.json_of(connect.api.offsets(name)))
        entry.note(said=connect.api.reset_offsets(name))
