"""What a change will do, before it is done: the frozen value that is reviewed, applied, audited and undone.

Pure: no Django, no Kafka, no clock. A plan is made from a state and carries that state's digest, so that
applying can tell whether the world has moved since it was reviewed.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias, Union
from urllib.parse import quote

from controlplane.core.access import Action
from controlplane.gateways.connect_secrets import MASK

#: Where a whole secret would stand; a connector's settings have MASK, also in the middle of a value.
HIDDEN = "…"
MASKS = (MASK, HIDDEN)
Json: TypeAlias = Union[str, int, float, bool, "list[Json]", "dict[str, Json]", None]


class Risk(StrEnum):
    """How hard it is to come back from a change."""

    REVERSIBLE = "reversible"
    DISRUPTIVE = "disruptive"
    DESTRUCTIVE = "destructive"

    @property
    def sentence(self) -> str:
        return {
            "reversible": "It can be undone, and clients do not notice it.",
            "disruptive": "Clients may notice it, or it cannot be undone in whole.",
            "destructive": "It cannot be undone.",
        }[self.value]


class StepKind(StrEnum):
    CREATE = "create"
    ALTER = "alter"
    DELETE = "delete"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class Change:
    """One field of one object; `None` before means it is new, `None` after that it goes away.

    Of a setting, `default` is what applies where nobody sets it, and `source` who sets it now.
    """

    field: str
    before: str | None
    after: str | None
    note: str = ""
    default: str | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class PlanStep:
    kind: StepKind
    object_type: str
    name: str
    changes: tuple[Change, ...] = ()
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a plan cannot be applied. `code` is stable; `what` happened; `hint` says what to do."""

    code: str
    what: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Affected:
    object_type: str
    name: str
    url: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class ApiCall:
    """The request to the API that makes the same plan. `path` stands below /api/v1/, percent-encoded.

    `files`: fields of the body that hold the text of a file of yours; a plan is recorded, and keeps no such text.
    """

    method: str
    path: str
    body: Mapping[str, Json] | None = None
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def hides(self) -> str:
        """What stands in the body where a secret would; empty where there is none."""
        return next((mask for mask in MASKS if _holds(self.body, mask)), "")

    def curl(self, digest: str = "") -> str:
        """With the plan's own tag: it does this, or nothing if the state has moved. $URL and $TOKEN are the shell's."""
        verb = "" if self.method == "GET" else f"-X {self.method} "
        parts = [f'curl {verb}"$URL/api/v1/{self.path}"', '-H "Authorization: Token $TOKEN"']
        if digest:
            parts.append(f"-H 'If-Match: \"{digest}\"'")
        if self.body is None:
            return " ".join(parts)
        parts.append("-H 'Content-Type: application/json'")
        text = json.dumps(dict(self.body), ensure_ascii=False)
        if not self.files:
            return " ".join((*parts, f"-d {shlex.quote(text)}"))
        read = " ".join(f"--rawfile {name} {shlex.quote(file)}" for name, file in self.files.items())
        with_files = f"{text} + {{{', '.join(f'${name}' for name in self.files)}}}"
        return f"jq -n {read} {shlex.quote(with_files)} | {' '.join((*parts, '-d @-'))}"


def _holds(value: object, mask: str) -> bool:
    if isinstance(value, Mapping):
        return any(_holds(each, mask) for each in value.values())
    if isinstance(value, list | tuple):
        return any(_holds(each, mask) for each in value)
    return value == mask or (mask == MASK and isinstance(value, str) and mask in value)


def api_path(cluster: str, *parts: str) -> str:
    """The address of something on a cluster, whatever its name holds."""
    return "".join(f"{quote(part, safe='')}/" for part in ("clusters", cluster, *parts))


@dataclass(frozen=True, slots=True)
class Plan:
    action: Action
    title: str
    apply_label: str
    cluster: str
    steps: tuple[PlanStep, ...]
    risk: Risk
    digest: str
    warnings: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    affected: tuple[Affected, ...] = ()
    undo: str = ""
    commands: tuple[str, ...] = ()
    confirm_name: str | None = None
    request: Mapping[str, Json] = field(default_factory=dict)
    api: ApiCall | None = None
    #: The other cluster, where it is about two: who may not see both may not see what became of it.
    also: str = ""

    @property
    def curl(self) -> str:
        return self.api.curl(self.digest) if self.api else ""

    @property
    def hides(self) -> str:
        return self.api.hides if self.api else ""

    @property
    def allowed(self) -> bool:
        return not self.refusals and bool(self.steps)

    @property
    def counts(self) -> dict[str, int]:
        """Steps per kind, for the line "1 to create, 2 to alter"."""
        found = {kind.value: sum(step.kind is kind for step in self.steps) for kind in StepKind}
        return {kind: count for kind, count in found.items() if count}

    def to_json(self) -> dict[str, Json]:
        return {
            "action": self.action.value,
            "title": self.title,
            "cluster": self.cluster,
            "risk": self.risk.value,
            "digest": self.digest,
            "allowed": self.allowed,
            "steps": [
                {
                    "kind": step.kind.value,
                    "object_type": step.object_type,
                    "name": step.name,
                    "summary": step.summary,
                    "changes": [_change_json(change) for change in step.changes],
                }
                for step in self.steps
            ],
            "warnings": list(self.warnings),
            "refusals": [{"code": r.code, "what": r.what, "hint": r.hint} for r in self.refusals],
            "affected": [
                {"object_type": a.object_type, "name": a.name, "note": a.note} for a in self.affected
            ],
            "undo": self.undo,
            "commands": list(self.commands),
            "confirm_name": self.confirm_name,
            "request": dict(self.request),
            "api": _api_json(self.api),
        }


def _change_json(change: Change) -> dict[str, Json]:
    found: dict[str, Json] = {
        "field": change.field,
        "before": change.before,
        "after": change.after,
        "note": change.note,
    }
    return found | ({"default": change.default, "source": change.source} if change.source else {})


def _api_json(call: ApiCall | None) -> Json:
    if call is None:
        return None
    body: Json = None if call.body is None else dict(call.body)
    found: dict[str, Json] = {"method": call.method, "path": call.path, "body": body}
    return found | ({"files": dict(call.files)} if call.files else {})


def state_digest(state: Mapping[str, object]) -> str:
    """SHA-256 of the canonical JSON of a state: equal states, equal digests, in any key order."""
    canonical = json.dumps(state, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def plan_from_json(data: Mapping[str, Any]) -> Plan:
    """A plan as it was recorded; what a row of another version lacks is left empty."""
    return Plan(
        action=Action(data["action"]),
        title=data.get("title", ""),
        apply_label="",
        cluster=data.get("cluster", ""),
        steps=tuple(_step_from_json(step) for step in data.get("steps", ())),
        risk=Risk(data.get("risk", Risk.REVERSIBLE)),
        digest=data.get("digest", ""),
        warnings=tuple(data.get("warnings", ())),
        refusals=tuple(Refusal(r["code"], r["what"], r.get("hint", "")) for r in data.get("refusals", ())),
        affected=tuple(
            Affected(a["object_type"], a["name"], note=a.get("note", "")) for a in data.get("affected", ())
        ),
        undo=data.get("undo", ""),
        commands=tuple(data.get("commands", ())),
        confirm_name=data.get("confirm_name"),
        request=data.get("request", {}),
        api=_api_from_json(call) if (call := data.get("api")) else None,
    )


def _api_from_json(data: Mapping[str, Any]) -> ApiCall:
    return ApiCall(data["method"], data["path"], data.get("body"), data.get("files", {}))


def _step_from_json(data: Mapping[str, Any]) -> PlanStep:
    changes = tuple(
        Change(c["field"], c["before"], c["after"], c.get("note", ""), c.get("default"), c.get("source", ""))
        for c in data.get("changes", ())
    )
    kind = StepKind(data["kind"])
    return PlanStep(kind, data["object_type"], data["name"], changes, data.get("summary", ""))
