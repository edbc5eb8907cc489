"""What each change to users and tokens will do, as plans. Pure; refusals come from rehearsing the change itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from controlplane.core.access import Action, Role
from controlplane.core.plans import Change, Json, Plan, PlanStep, Risk, StepKind, state_digest

Roles = Mapping[str, Role]


def plan_issue_token(
    owner: str, *, name: str, role: Role | None, scopes: Sequence[Action] | None, days: int
) -> Plan:
    asked = "all that the role may do" if scopes is None else ", ".join(sorted(scopes)) or "none"
    changes = (
        Change("role", None, role.value if role else "your own"),
        Change("scopes", None, asked),
        Change("days", None, str(days)),
    )
    return _plan(
        Action.TOKEN_MANAGE_OWN,
        f"Create API token {name}",
        PlanStep(StepKind.CREATE, "API token", f"{owner}/{name}", changes),
        {"owner": owner, "name": name},
        undo="Revoke the token.",
    )


def plan_revoke_token(owner: str, name: str, prefix: str) -> Plan:
    return _plan(
        Action.TOKEN_MANAGE_OWN,
        f"Revoke API token {name}",
        PlanStep(StepKind.DELETE, "API token", f"{owner}/{name}", (Change("prefix", prefix, None),)),
        {"prefix": prefix},
        risk=Risk.DESTRUCTIVE,
        undo="None: whoever uses it is refused from their next request on. Make a new one.",
    )


def plan_invite(username: str, roles: Roles) -> Plan:
    return _plan(
        Action.USER_MANAGE,
        f"Invite {username}",
        PlanStep(StepKind.CREATE, "user", username, tuple(_role_changes({}, roles))),
        {"invite": username},
        undo="Disable the user.",
    )


def plan_alter_user(
    username: str, *, roles: tuple[Roles, Roles] | None, active: tuple[bool, bool] | None
) -> Plan:
    """Each as (before, after); None stays as it is."""
    changes = list(_role_changes(*roles)) if roles else []
    if active and active[0] != active[1]:
        changes.append(Change("state", *("enabled" if each else "disabled" for each in active)))
    return _plan(
        Action.USER_MANAGE,
        f"Change user {username}",
        PlanStep(StepKind.ALTER, "user", username, tuple(changes)),
        {
            "user": username,
            "roles": _json(roles[0]) if roles else None,
            "active": active[0] if active else None,
        },
        risk=Risk.DISRUPTIVE,
        undo="Set the former roles and state again: Operations keeps them.",
    )


def plan_login_link(username: str) -> Plan:
    return _plan(
        Action.USER_MANAGE,
        f"Make a one-time login link for {username}",
        PlanStep(StepKind.CREATE, "login link", username, summary="Older links of the user stop working."),
        {"link": username},
        risk=Risk.DISRUPTIVE,
        undo="Make another one: this one then stops working.",
    )


def _plan(
    action: Action,
    title: str,
    step: PlanStep,
    state: Mapping[str, Json],
    *,
    undo: str,
    risk: Risk = Risk.REVERSIBLE,
) -> Plan:
    return Plan(
        action=action,
        title=title,
        apply_label=title,
        cluster="",
        steps=(step,),
        risk=risk,
        digest=state_digest({"act": title, **state}),
        undo=undo,
    )


def _role_changes(before: Roles, after: Roles) -> list[Change]:
    return [
        Change(f"role on {cluster}", _value(before.get(cluster)), _value(after.get(cluster)))
        for cluster in sorted(before.keys() | after.keys())
        if before.get(cluster) != after.get(cluster)
    ]


def _value(role: Role | None) -> str | None:
    return role.value if role else None


def _json(roles: Roles) -> dict[str, Json]:
    return {cluster: role.value for cluster, role in sorted(roles.items())}
