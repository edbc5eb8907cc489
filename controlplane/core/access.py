"""Who may do what: roles, actions, and the one decision `can()`. Pure; `accounts` turns a request into an Actor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

EVERY_CLUSTER = "*"


class Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        return list(Role).index(self)


class Action(StrEnum):
    """`noun.verb`, after kafbat's list. The value stands in tokens, audit rows and the API's documentation."""

    CLUSTER_VIEW = "cluster.view"
    CLUSTER_MANAGE = "cluster.manage"
    BROKER_VIEW = "broker.view"
    BROKER_OPERATE = "broker.operate"
    CONNECTOR_VIEW = "connector.view"
    CONNECTOR_OPERATE = "connector.operate"
    CONNECTOR_EDIT = "connector.edit"
    WORKER_VIEW = "connect_worker.view"
    WORKER_OPERATE = "connect_worker.operate"
    PLUGIN_MANAGE = "connect_plugin.manage"
    MACHINE_USE = "machine.use"
    TOPIC_VIEW = "topic.view"
    TOPIC_CREATE = "topic.create"
    TOPIC_EDIT = "topic.edit"
    TOPIC_DELETE = "topic.delete"
    TOPIC_PRODUCE = "topic.produce"
    TOPIC_READ_RECORDS = "topic.read_records"
    GROUP_VIEW = "group.view"
    KAFKA_USER_VIEW = "kafka_user.view"
    KAFKA_USER_EDIT = "kafka_user.edit"
    ACL_VIEW = "acl.view"
    ACL_EDIT = "acl.edit"
    QUOTA_VIEW = "quota.view"
    QUOTA_EDIT = "quota.edit"
    CERTIFICATE_VIEW = "certificate.view"
    CERTIFICATE_ISSUE = "certificate.issue"
    CERTIFICATE_REVOKE = "certificate.revoke"
    AUTHORITY_MANAGE = "authority.manage"
    SERVICE_ACCOUNT_EDIT = "service_account.edit"
    FLOW_VIEW = "flow.view"
    FLOW_OPERATE = "flow.operate"
    FLOW_EDIT = "flow.edit"
    METRICS_VIEW = "metrics.view"
    ALERT_VIEW = "alert.view"
    ALERT_EDIT_RULES = "alert.edit_rules"
    ALERT_SILENCE = "alert.silence"
    ALERT_ROUTE = "alert.route"
    AUDIT_VIEW = "audit.view"
    JOB_VIEW = "job.view"
    JOB_CANCEL = "job.cancel"
    TOKEN_MANAGE_OWN = "token.manage_own"  # noqa: S105  # an action's name, not a secret
    USER_MANAGE = "user.manage"


def known_actions(names: Iterable[str]) -> frozenset[Action]:
    """Of stored names; one that this version does not have grants nothing."""
    return frozenset(Action(name) for name in names if name in set(Action))


LOWEST_ROLE: Mapping[Action, Role] = {
    Action.CLUSTER_VIEW: Role.VIEWER,
    # Where this control plane connects to, and with which credentials.
    Action.CLUSTER_MANAGE: Role.ADMIN,
    Action.BROKER_VIEW: Role.VIEWER,
    Action.BROKER_OPERATE: Role.ADMIN,
    Action.CONNECTOR_VIEW: Role.VIEWER,
    Action.CONNECTOR_OPERATE: Role.OPERATOR,
    Action.CONNECTOR_EDIT: Role.OPERATOR,
    Action.WORKER_VIEW: Role.VIEWER,
    Action.WORKER_OPERATE: Role.ADMIN,
    # What a plugin does, and what a connector reads by the name of a file or asks on loopback, it does as Kastellan itself:
    # with the keys of every cluster.
    Action.PLUGIN_MANAGE: Role.ADMIN,
    Action.MACHINE_USE: Role.ADMIN,
    Action.TOPIC_VIEW: Role.VIEWER,
    Action.TOPIC_CREATE: Role.OPERATOR,
    Action.TOPIC_EDIT: Role.OPERATOR,
    Action.TOPIC_DELETE: Role.OPERATOR,
    Action.TOPIC_PRODUCE: Role.OPERATOR,
    Action.TOPIC_READ_RECORDS: Role.VIEWER,
    Action.GROUP_VIEW: Role.VIEWER,
    # Who may do what on Kafka: everybody may look, nobody but an admin can give rights away.
    Action.KAFKA_USER_VIEW: Role.VIEWER,
    Action.KAFKA_USER_EDIT: Role.ADMIN,
    Action.ACL_VIEW: Role.VIEWER,
    Action.ACL_EDIT: Role.ADMIN,
    Action.QUOTA_VIEW: Role.VIEWER,
    Action.QUOTA_EDIT: Role.OPERATOR,
    Action.CERTIFICATE_VIEW: Role.VIEWER,
    Action.CERTIFICATE_ISSUE: Role.ADMIN,
    Action.CERTIFICATE_REVOKE: Role.ADMIN,
    Action.AUTHORITY_MANAGE: Role.ADMIN,
    Action.SERVICE_ACCOUNT_EDIT: Role.ADMIN,
    Action.FLOW_VIEW: Role.VIEWER,
    Action.FLOW_OPERATE: Role.OPERATOR,
    # A flow makes a user, and copies records from one cluster to another.
    Action.FLOW_EDIT: Role.ADMIN,
    Action.METRICS_VIEW: Role.VIEWER,
    Action.ALERT_VIEW: Role.VIEWER,
    Action.ALERT_EDIT_RULES: Role.OPERATOR,
    Action.ALERT_SILENCE: Role.OPERATOR,
    # Receivers and routes carry what happens here out of the installation.
    Action.ALERT_ROUTE: Role.ADMIN,
    Action.AUDIT_VIEW: Role.VIEWER,
    Action.JOB_VIEW: Role.VIEWER,
    Action.JOB_CANCEL: Role.OPERATOR,
    Action.TOKEN_MANAGE_OWN: Role.VIEWER,
    Action.USER_MANAGE: Role.ADMIN,
}
#: Actions about this installation, not about one cluster: only a role on every cluster ('*') grants them.
GLOBAL_ACTIONS = frozenset(
    {Action.USER_MANAGE, Action.ALERT_ROUTE, Action.CLUSTER_MANAGE, Action.PLUGIN_MANAGE, Action.MACHINE_USE}
)
#: Actions that name no cluster: a token with these alone learns nothing about any.
ABOUT_NO_CLUSTER = frozenset({Action.USER_MANAGE, Action.ALERT_ROUTE, Action.TOKEN_MANAGE_OWN})


@dataclass(frozen=True, slots=True)
class Decision:
    allowed: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Actor:
    """A user, an API token or the system itself. `scopes` None means: all that the roles allow; only tokens end."""

    name: str
    kind: str
    roles: Mapping[str, Role] = field(default_factory=dict)
    user_id: int | None = None
    scopes: frozenset[Action] | None = None
    ends: datetime | None = None

    def role_on(self, cluster: str | None) -> Role | None:
        """The higher of the roles on the cluster and on every cluster; `None` asks for the best role anywhere."""
        if cluster is None:
            candidates = list(self.roles.values())
        else:
            candidates = [self.roles[key] for key in (cluster, EVERY_CLUSTER) if key in self.roles]
        return max(candidates, key=lambda role: role.rank, default=None)


ANONYMOUS = Actor("anonymous", "anonymous")
SYSTEM = Actor("system", "system", {EVERY_CLUSTER: Role.ADMIN})


def sees(actor: Actor, cluster: str) -> bool:
    """Whether the actor may know that the cluster exists: any role there, and any scope that is about clusters."""
    about_clusters = actor.scopes is None or bool(actor.scopes - ABOUT_NO_CLUSTER)
    return actor.role_on(cluster) is not None and about_clusters


def can(actor: Actor, action: Action, cluster: str | None) -> Decision:
    """Whether `actor` may do `action`; the reason names the role that could."""
    needed = LOWEST_ROLE[action]
    role = actor.roles.get(EVERY_CLUSTER) if action in GLOBAL_ACTIONS else actor.role_on(cluster)
    where = f" on {cluster}" if cluster else " on every cluster" if action in GLOBAL_ACTIONS else ""
    if role is None:
        return Decision(False, f"{actor.name} has no role{where}; {action.value} needs {needed.value}")
    if role.rank < needed.rank:
        return Decision(
            False, f"{action.value} needs the role {needed.value}{where}; {actor.name} is {role.value}"
        )
    if actor.scopes is not None and action not in actor.scopes:
        return Decision(False, f"the token {actor.name} is not scoped for {action.value}")
    return Decision(True, f"{actor.name} is {role.value}{where}")
