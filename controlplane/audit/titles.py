"""What an operation did, in words: its plan's title, and where nobody had to review one, the act with its object. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controlplane.core.access import Action

#: Acts whose plan may be missing: refused before there was one, or without one. `{}` is the object.
WORDS: Mapping[str, str] = {
    Action.BROKER_OPERATE: "Operate brokers: {}",
    Action.TOPIC_CREATE: "Create topic {}",
    Action.TOPIC_EDIT: "Change topic {}",
    Action.TOPIC_DELETE: "Delete topic {}",
    Action.TOPIC_PRODUCE: "Produce to {}",
    Action.KAFKA_USER_EDIT: "Change SCRAM user {}",
    Action.ACL_EDIT: "Change ACLs {}",
    Action.QUOTA_EDIT: "Change quota {}",
    Action.CERTIFICATE_ISSUE: "Issue certificate {}",
    Action.CERTIFICATE_REVOKE: "Revoke certificate {}",
    Action.AUTHORITY_MANAGE: "Manage the {}",
    Action.SERVICE_ACCOUNT_EDIT: "Change service account {}",
    Action.ALERT_EDIT_RULES: "Change alert rule {}",
    Action.ALERT_SILENCE: "Silence or acknowledge {}",
    Action.ALERT_ROUTE: "Change receivers and routes: {}",
    Action.JOB_CANCEL: "Cancel job {}",
    Action.USER_MANAGE: "Manage user {}",
    Action.TOKEN_MANAGE_OWN: "Manage API token {}",
    "session.open": "Sign in as {}",
    "session.close": "Sign out {}",
    "account.password": "Change the password of {}",
    "account.mfa": "Change the sign-in methods of {}",
}
#: `act` of the details says more than the action alone.
ACTS: Mapping[tuple[str, str], str] = {
    (Action.USER_MANAGE, "invite"): "Invite {}",
    (Action.USER_MANAGE, "set roles"): "Change the roles of {}",
    (Action.USER_MANAGE, "enable"): "Enable user {}",
    (Action.USER_MANAGE, "disable"): "Disable user {}",
    (Action.USER_MANAGE, "login link"): "Make a login link for {}",
    (Action.TOKEN_MANAGE_OWN, "create"): "Create API token {}",
    (Action.TOKEN_MANAGE_OWN, "revoke"): "Revoke API token {}",
    (Action.AUTHORITY_MANAGE, "signing request"): "Make a signing request of the {}",
}


def title_of(action: str, target: str, plan: Mapping[str, Any] | None, details: Mapping[str, Any]) -> str:
    planned = str((plan or {}).get("title", ""))
    if planned:
        return planned
    if action == Action.JOB_CANCEL and details.get("title"):
        return f"Cancel {details['title']}"
    words = ACTS.get((action, str(details.get("act", "")))) or WORDS.get(action, f"{action} {{}}")
    return words.replace("{}", target).strip(" :")
