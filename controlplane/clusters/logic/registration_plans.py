"""What registering, changing and removing a cluster will do, as plans. Pure.

No secret stands in a plan: of a key or a password it says that there is one, and whether it is kept or replaced.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from controlplane.clusters.logic.connections import (
    NOTHING_HELD,
    PLAIN,
    PLAINTEXT,
    RESERVED_NAMES,
    ClusterRequest,
    ConnectionRequest,
    Held,
    keeps_key,
    keeps_password,
    servers_of,
    words_of,
)
from controlplane.core.access import Action
from controlplane.core.plans import (
    HIDDEN,
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
from controlplane.core.words import some

Document = Mapping[str, Json]
NOTHING: Document = {}


@dataclass(frozen=True, slots=True)
class Found:
    """What the servers answered: the cluster's own id, or why there is none. `taken_by` has that id registered."""

    cluster_id: str = ""
    refusal: Refusal | None = None
    taken_by: str = ""


@dataclass(frozen=True, slots=True)
class Registered:
    """A registration as it is. `version` moves with every change, so that secrets, which nobody sees, count too."""

    request: ClusterRequest
    held: Held = NOTHING_HELD
    cluster_id: str = ""
    version: int = 0

    @property
    def document(self) -> Document:
        return document(self.request, key=self.held.key, password=self.held.password)

    @property
    def digest(self) -> str:
        return state_digest({"cluster": dict(self.document), "version": self.version})


@dataclass(frozen=True, slots=True)
class Goes:
    """What is removed with a registration, or stays behind it."""

    kind: str
    name: str
    note: str = ""


def document(request: ClusterRequest, *, key: bool, password: bool) -> Document:
    """The registration without its secrets, in the words of the plan."""
    found: dict[str, Json] = {"title": request.title, "colour": request.colour}
    asked = request.connection
    if asked is None:
        return found
    return found | {
        "bootstrap servers": ", ".join(servers_of(asked.bootstrap)),
        "security": asked.security,
        "CA": words_of(asked.ca_pem) or ("this machine's" if asked.security != PLAINTEXT else None),
        "host name of brokers": _checked(asked),
        "client certificate": words_of(asked.certificate_pem) or None,
        "private key": "sealed" if key else None,
        "user": asked.username or None,
        "password": "sealed" if password else None,
        "private addresses": "allowed" if asked.allow_private else "refused",
        "probe": "on" if asked.probe else "off",
    }


def _checked(asked: ConnectionRequest) -> str | None:
    if asked.security == PLAINTEXT:
        return None
    return "checked" if asked.check_hostname else "not checked"


def plan_register(request: ClusterRequest, found: Found, *, taken_names: Iterable[str]) -> Plan:
    asked = request.connection or ConnectionRequest()
    after = document(request, key=bool(asked.key_pem), password=bool(asked.password))
    refusals = [*_name_refusals(request.name, taken_names), *_found_refusals(found, "")]
    told: Document = {"cluster id": found.cluster_id} if found.cluster_id else {}
    changes = _changes(NOTHING, {**after, **told})
    return _plan(
        request.name,
        f"Add cluster {request.name}",
        PlanStep(StepKind.CREATE, "cluster", request.name, changes),
        # What Kafka says of itself is part of it: other servers under the same name are another plan.
        state_digest({"new": request.name, "asked": dict(after), "cluster_id": found.cluster_id}),
        warnings=_warnings(asked),
        refusals=refusals,
        undo="Remove the cluster: Kafka itself is not touched by either.",
        api=ApiCall("POST", "clusters/", body_of(request)),
    )


def plan_alter(now: Registered, request: ClusterRequest, found: Found) -> Plan:
    asked = request.connection
    after = document(
        request,
        key=asked is not None and (bool(asked.key_pem) or keeps_key(now.held, asked)),
        password=asked is not None and (bool(asked.password) or keeps_password(now.held, asked)),
    )
    changes = (*_changes(now.document, after), *_replaced(now.held, asked))
    step = PlanStep(StepKind.ALTER, "cluster", request.name, changes)
    return _plan(
        request.name,
        f"Change cluster {request.name}",
        step if changes else None,
        now.digest,
        warnings=_warnings(asked) if asked else (),
        refusals=_found_refusals(found, now.cluster_id),
        undo="Change it back; the operation keeps what it was, but for key and password.",
        api=ApiCall(
            "PATCH", api_path(request.name), {k: v for k, v in body_of(request).items() if k != "name"}
        ),
    )


def plan_remove(
    now: Registered, goes: Iterable[Goes], *, bundled: bool, needed_by: Sequence[str] = ()
) -> Plan:
    """`needed_by`: what of the product would be left without its cluster."""
    name = now.request.name
    refusals = []
    if bundled:
        refusals.append(
            Refusal(
                "bundled",
                f"{now.request.title} is a bundled cluster: Kastellan runs its brokers",
                "Only the registration of an external cluster can be removed; `./run reset` deletes a bundled one.",
            )
        )
    elif needed_by:
        refusals.append(
            Refusal(
                "needed",
                f"{now.request.title} is needed by {some(needed_by)}",
                "Delete or remove that first.",
            )
        )
    return _plan(
        name,
        f"Remove cluster {name}",
        PlanStep(
            StepKind.DELETE, "cluster", name, _changes(now.document, NOTHING), "Kafka itself is not touched."
        ),
        now.digest,
        refusals=refusals,
        affected=tuple(Affected(each.kind, each.name, note=each.note) for each in goes),
        undo="Add it again, with its key or password, which the operation does not keep.",
        risk=Risk.DISRUPTIVE,
        confirm=name,
        api=ApiCall("DELETE", api_path(name)),
    )


def body_of(request: ClusterRequest) -> dict[str, Json]:
    """For the API; secrets are named, never written out."""
    asked = request.connection
    found: dict[str, Json] = {"name": request.name, "title": request.title, "colour": request.colour}
    if asked is None:
        return found
    found |= {"bootstrap": asked.bootstrap, "security": asked.security, "allow_private": asked.allow_private}
    optional: dict[str, Json] = {
        "ca_pem": asked.ca_pem,
        "certificate_pem": asked.certificate_pem,
        "key_pem": asked.key_pem and HIDDEN,
        "username": asked.username,
        "password": asked.password and HIDDEN,
        "probe": asked.probe,
    }
    unchecked: dict[str, Json] = {} if asked.check_hostname else {"check_hostname": False}
    return found | {name: value for name, value in optional.items() if value} | unchecked


def _name_refusals(name: str, taken: Iterable[str]) -> list[Refusal]:
    if name in RESERVED_NAMES:
        return [Refusal("name_reserved", f"{name} is kept for a bundled cluster", "Take another name.")]
    if name in set(taken):
        return [Refusal("name_taken", f"There is a cluster {name}", "Take another name.")]
    return []


def _found_refusals(found: Found, expected: str) -> list[Refusal]:
    if found.refusal is not None:
        return [found.refusal]
    if found.taken_by:
        what = f"These servers belong to {found.taken_by}, which is registered already (cluster id {found.cluster_id})"
        return [
            Refusal("registered", what, "A cluster is registered once: two would write one history twice.")
        ]
    if expected and found.cluster_id and found.cluster_id != expected:
        what = f"These servers belong to another cluster: its id is {found.cluster_id}, not {expected}"
        return [
            Refusal(
                "another_cluster", what, "Add it under a name of its own: history and rights are by name."
            )
        ]
    return []


def _replaced(held: Held, asked: ConnectionRequest | None) -> tuple[Change, ...]:
    """A secret in the place of another one leaves the document as it was."""
    found = []
    if asked is not None and held.key and asked.key_pem:
        found.append(Change("private key", "sealed", "replaced"))
    if asked is not None and held.password and asked.password:
        found.append(Change("password", "sealed", "replaced"))
    return tuple(found)


def _warnings(asked: ConnectionRequest) -> tuple[str, ...]:
    found = []
    if asked.security == PLAINTEXT:
        found.append("Not encrypted: whoever is on the way reads every record and can change it.")
    if asked.security == PLAIN:
        found.append("PLAIN hands the password itself to the broker that answers. SCRAM does not.")
    if asked.security != PLAINTEXT and not asked.check_hostname:
        found.append(
            "The host name is not checked: any server with a certificate of this CA passes for a broker."
        )
    if asked.allow_private:
        found.append(
            "Private and loopback addresses are allowed: its brokers decide, by what they advertise, which hosts of"
            " your network Kastellan connects to."
        )
    if asked.probe:
        found.append("The probe creates the topic _kastellan_probe there and writes to it every half minute.")
    return tuple(found)


def _changes(before: Document, after: Document) -> tuple[Change, ...]:
    return tuple(
        Change(name, _shown(before.get(name)), _shown(after.get(name)))
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    )


def _shown(value: Json) -> str | None:
    return None if value is None else str(value)


def _plan(
    name: str,
    title: str,
    step: PlanStep | None,
    digest: str,
    *,
    undo: str,
    api: ApiCall,
    warnings: Iterable[str] = (),
    refusals: Iterable[Refusal] = (),
    affected: tuple[Affected, ...] = (),
    risk: Risk = Risk.REVERSIBLE,
    confirm: str | None = None,
) -> Plan:
    return Plan(
        action=Action.CLUSTER_MANAGE,
        title=title,
        apply_label=title,
        cluster=name,
        steps=(step,) if step else (),
        risk=risk,
        digest=digest,
        warnings=tuple(warnings),
        refusals=tuple(refusals),
        affected=affected,
        undo=undo,
        confirm_name=confirm,
        api=api,
    )
