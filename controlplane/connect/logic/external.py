"""External Connect clusters: what may be asked for, where a kept password goes, and the plans. Pure.

No secret stands in a plan: of a password it says that there is one, and whether it is kept or replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from controlplane.clusters.logic import own_authority
from controlplane.clusters.logic.connections import MOST_PEM as MOST_PEM
from controlplane.clusters.logic.connections import words_of
from controlplane.core.access import Action
from controlplane.core.plans import (
    HIDDEN,
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
from controlplane.core.words import counted
from controlplane.gateways import addresses
from controlplane.gateways.errors import TargetRefused

#: The name of the worker that Kastellan runs itself.
BUNDLED = "bundled"
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
Problems = dict[str, list[str]]
Document = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class ExternalRequest:
    """`password` None: as it is; empty: none."""

    name: str
    url: str = ""
    username: str = ""
    password: str | None = field(default=None, repr=False)
    ca_pem: str = ""
    allow_private: bool = False

    def __post_init__(self) -> None:
        text = self.ca_pem.replace("\r\n", "\n").strip()
        object.__setattr__(self, "ca_pem", f"{text}\n" if text else "")
        object.__setattr__(self, "url", self.url.strip().rstrip("/"))


@dataclass(frozen=True, slots=True)
class Registered:
    """As it is stored. `version` moves with every change, so that a password, which nobody sees, counts too."""

    request: ExternalRequest
    password: bool
    version: int

    @property
    def document(self) -> Document:
        return document(self.request, password=self.password)

    @property
    def digest(self) -> str:
        return state_digest({"connect": dict(self.document), "version": self.version})


@dataclass(frozen=True, slots=True)
class Found:
    """What answers there; `refusal`: why nothing does, or nothing that is Kafka Connect."""

    version: str = ""
    kafka_cluster_id: str = ""
    connectors: int = 0
    refusal: Refusal | None = None


def bound_to(request: ExternalRequest) -> tuple[str, ...]:
    """A kept password goes to this address, as this user, under this trust, and nowhere else."""
    return (request.url, request.username, request.ca_pem)


def keeps_password(now: Registered | None, request: ExternalRequest) -> bool:
    return (
        now is not None
        and now.password
        and request.password is None
        and bound_to(now.request) == bound_to(request)
    )


def problems(request: ExternalRequest, at: datetime, now: Registered | None = None) -> Problems:
    """By field; none: it can be tried. `at`: when its authority has to be valid."""
    found: Problems = {}
    for name, problem in _problems(request, at, now):
        found.setdefault(name, []).append(problem)
    return found


def _problems(request: ExternalRequest, at: datetime, now: Registered | None) -> Iterator[tuple[str, str]]:
    if not NAME.fullmatch(request.name):
        yield "name", "Lower-case letters, digits and hyphens, beginning with a letter or digit."
    yield from (("url", problem) for problem in _url_problems(request.url))
    if request.ca_pem and not request.url.startswith("https://"):
        yield "ca_pem", "Only https has a certificate to check."
    if request.ca_pem and (said := own_authority.problem(request.ca_pem, at)):
        yield "ca_pem", said
    yield from (("password", problem) for problem in _password_problems(request, now))
    if "\n" in request.username or ":" in request.username:
        yield "username", "No colon and one line: basic authentication has no place for more."


def _url_problems(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url)
        port = parts.port
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or port == 0:
            raise ValueError
        addresses.normal_host(parts.hostname)
    except TargetRefused as error:
        yield str(error)
    except ValueError:
        yield "An http or https address such as https://connect.example.org:8083, without a user in it."
    else:
        if parts.query or parts.fragment or len(url) > 500:
            yield "Without a query, at most 500 characters."


def _password_problems(request: ExternalRequest, now: Registered | None) -> Iterator[str]:
    if request.password:
        if len(request.password) > 1000 or not request.password.isprintable():
            yield "At most 1,000 characters in one line."
        if not request.username:
            yield "A password needs its user."
    elif request.password is None and now is not None and now.password and not keeps_password(now, request):
        if request.username:
            yield "Give it again: it was given for another address, user or trust."
    elif request.username and not keeps_password(now, request):
        yield "A user needs a password."


def document(request: ExternalRequest, *, password: bool) -> Document:
    """The registration without its secret, in the words of the plan."""
    https = request.url.startswith("https://")
    return {
        "address": request.url,
        "user": request.username or None,
        "password": "sealed" if password else None,
        "CA": words_of(request.ca_pem) or ("this machine's" if https else None),
        "private addresses": "allowed" if request.allow_private else "refused",
    }


def plan_add(
    request: ExternalRequest, found: Found, *, cluster: str, cluster_id: str, taken: Iterable[str]
) -> Plan:
    refusals = [found.refusal] if found.refusal else []
    if request.name == BUNDLED:
        refusals.append(Refusal("name", f"{BUNDLED} is the worker that Kastellan runs", "Take another name."))
    elif request.name in set(taken):
        refusals.append(
            Refusal("name", f"{cluster} has a Connect cluster {request.name}", "Take another name.")
        )
    after = {**document(request, password=bool(request.password)), **_told(found)}
    return _plan(
        cluster,
        f"Add Connect cluster {request.name}",
        PlanStep(StepKind.CREATE, "Connect cluster", request.name, _changes({}, after)),
        state_digest({"new": request.name, "asked": after}),
        warnings=_warnings(request, found, cluster_id),
        refusals=refusals,
        undo="Remove it: Kafka Connect itself is not touched by either.",
        api=ApiCall("POST", api_path(cluster, "connect"), _body(request)),
    )


def plan_alter(
    now: Registered, request: ExternalRequest, found: Found, *, cluster: str, cluster_id: str
) -> Plan:
    password = bool(request.password) or keeps_password(now, request)
    changes = _changes(now.document, document(request, password=password))
    if now.password and request.password:
        changes = (*changes, Change("password", "sealed", "replaced"))
    refusals = [found.refusal] if found.refusal else []
    if not changes:
        refusals.append(Refusal("nothing", "Nothing would change", "Change something."))
    body = {name: value for name, value in _body(request).items() if name != "name"}
    return _plan(
        cluster,
        f"Change Connect cluster {request.name}",
        PlanStep(StepKind.ALTER, "Connect cluster", request.name, changes),
        now.digest,
        warnings=_warnings(request, found, cluster_id),
        refusals=refusals,
        undo="Change it back; the operation keeps what it was, but for the password.",
        api=ApiCall("PATCH", api_path(cluster, "connect", request.name), body),
    )


def plan_remove(now: Registered, *, cluster: str, policies: int) -> Plan:
    """`policies`: of automatic restarts, which go with it."""
    name = now.request.name
    gone = (Change("automatic restarts", counted(policies, "policy", "policies"), None),) if policies else ()
    return _plan(
        cluster,
        f"Remove Connect cluster {name}",
        PlanStep(StepKind.DELETE, "Connect cluster", name, (*_changes(now.document, {}), *gone)),
        state_digest({"remove": now.digest, "policies": policies}),
        undo="Add it again; its password has to be given again. Its connectors run on: Kafka Connect is not touched.",
        api=ApiCall("DELETE", api_path(cluster, "connect", name)),
    )


def _plan(
    cluster: str,
    title: str,
    step: PlanStep,
    digest: str,
    *,
    undo: str,
    api: ApiCall,
    warnings: Iterable[str] = (),
    refusals: Iterable[Refusal] = (),
) -> Plan:
    return Plan(
        action=Action.CLUSTER_MANAGE,
        title=title,
        apply_label=title,
        cluster=cluster,
        steps=(step,) if step.changes else (),
        risk=Risk.REVERSIBLE,
        digest=digest,
        warnings=tuple(warnings),
        refusals=tuple(refusals),
        undo=undo,
        api=api,
    )


def _told(found: Found) -> dict[str, str | None]:
    if found.refusal:
        return {}
    return {"Kafka Connect": found.version, "connectors": str(found.connectors)}


def _changes(before: Document, after: Document) -> tuple[Change, ...]:
    return tuple(
        Change(name, before.get(name), after.get(name))
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    )


def _warnings(request: ExternalRequest, found: Found, cluster_id: str) -> tuple[str, ...]:
    said = []
    if request.username and request.url.startswith("http://"):
        said.append("Plain http: whoever is on the way reads the password.")
    if not request.username:
        said.append(
            "It asks for no password: whoever reaches it can change its connectors and read their secrets."
        )
    if request.allow_private:
        said.append("Private and loopback addresses are allowed for it.")
    if found.kafka_cluster_id and cluster_id and found.kafka_cluster_id != cluster_id:
        said.append(
            f"It belongs to another Kafka cluster, {found.kafka_cluster_id}: topics of its connectors may not be here."
        )
    return tuple(said)


def _body(request: ExternalRequest) -> dict[str, Json]:
    found: dict[str, Json] = {"name": request.name, "url": request.url}
    if request.username:
        found |= {"username": request.username}
    if request.password:
        found["password"] = HIDDEN
    if request.ca_pem:
        found["ca_pem"] = HIDDEN
    if request.allow_private:
        found["allow_private"] = True
    return found
