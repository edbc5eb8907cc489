"""What the palette knows: pages, actions that need no object, and objects by their names.

Objects come from the snapshot, so that 5,000 of them answer within a key stroke.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db.models.functions import Length
from django.shortcuts import resolve_url

from controlplane.accounts.models import ApiToken, User
from controlplane.certificates.listing import certificates
from controlplane.clusters import selectors
from controlplane.clusters.models import Cluster
from controlplane.clusters.views import bootstrap_of
from controlplane.core.access import Action, Actor, can
from controlplane.jobs.selectors import jobs
from controlplane.manual.selectors import library

OBJECTS = 12


@dataclass(frozen=True, slots=True)
class Item:
    """`words` are found too, and not shown. `fill`: what stands in the field next, instead of going anywhere."""

    label: str
    kind: str
    url: str = ""
    words: str = ""
    fill: str = ""

    def fits(self, typed: Sequence[str]) -> bool:
        text = f"{self.label} {self.words}".lower()
        return all(word in text for word in typed)

    def to_json(self) -> dict[str, str]:
        return {"label": self.label, "kind": self.kind, "url": self.url, "fill": self.fill}


PAGES = (
    ("Dashboard", "clusters:dashboard", "overview health"),
    ("Brokers", "clusters:brokers", "nodes servers"),
    ("Topics", "topics:list", ""),
    ("Consumer groups", "groups:list", "lag offsets"),
    ("ACLs", "acls:list", "permissions rights bindings"),
    ("ACLs: explain who may do what", "acls:explain", "authorize permission allowed"),
    ("ACLs: recent denials", "acls:denials", "denied authorization failed"),
    ("ACLs: findings", "acls:findings", "unused shadowed watch"),
    ("Metrics", "metrics:page", "charts"),
    ("Explore: PromQL", "metrics:explore", "query metrics prometheus"),
    ("Alerts", "alerts:list", "firing problems"),
    ("Alert rules", "alerts:rules", "conditions thresholds"),
    ("Silences", "alerts:silences", "mute quiet"),
    ("Alert routing", "alerts:routing", "routes inhibition mute times who is told"),
    ("Test alert rules", "alerts:rule_tests", "promtool unit tests"),
    ("Forecasts", "metrics:forecasts", "disk full growth capacity"),
    ("Metrics for Prometheus and Grafana", "metrics:export", "scrape federation dashboards export"),
    ("Alert receivers", "alerts:receivers", "webhook notify route"),
    ("Notifications", "alerts:notifications", "sent delivery"),
    ("Users (SCRAM)", "kafka_users:list", "passwords credentials"),
    ("Certificates", "certificates:list", "tls ssl"),
    ("Certificate authorities", "certificates:authorities", "ca truststore"),
    ("Certificate expiry", "certificates:expiry", "expire end"),
    ("Quotas", "quotas:list", "limits throttle"),
    ("Service accounts", "service_accounts:list", ""),
    ("Connect", "connect:list", "kafka connectors tasks plugins"),
    ("Quotas: clients", "quotas:clients", "throttled"),
    ("Effective quota of a client", "quotas:effective", "throttle explain"),
)
#: (label, address, permission, words); what needs an object first leads to the list where it is chosen.
ACTIONS = (
    ("Create alert rule", "alerts:rule_create", Action.ALERT_EDIT_RULES, "new add"),
    ("Create silence", "alerts:silence_create", Action.ALERT_SILENCE, "new mute"),
    ("Add receiver", "alerts:receiver_create", Action.ALERT_ROUTE, "new webhook mail slack teams pagerduty telegram notify"),
    ("Import alert rules", "alerts:rule_import", Action.ALERT_EDIT_RULES, "prometheus rule file upload"),
    ("Import an Alertmanager configuration", "alerts:routing_import", Action.ALERT_ROUTE, "routes upload"),
    ("Create topic", "topics:create", Action.TOPIC_CREATE, "new add"),
    ("Create service account", "service_accounts:create", Action.SERVICE_ACCOUNT_EDIT, "new add application"),
    ("Delete a service account", "service_accounts:list", Action.SERVICE_ACCOUNT_EDIT, "remove"),
    ("Set quota", "quotas:set", Action.QUOTA_EDIT, "new add alter change limit"),
    ("Remove a quota", "quotas:list", Action.QUOTA_EDIT, "delete limit"),
    ("Create SCRAM user", "kafka_users:create", Action.KAFKA_USER_EDIT, "new add password"),
    ("Rotate the password of a SCRAM user", "kafka_users:list", Action.KAFKA_USER_EDIT, "change reset credential"),
    ("Delete a SCRAM user", "kafka_users:list", Action.KAFKA_USER_EDIT, "remove revoke"),
    ("Issue certificate", "certificates:issue", Action.CERTIFICATE_ISSUE, "new add create sign csr"),
    ("Watch the certificate of an address", "certificates:watch", Action.CERTIFICATE_ISSUE, "add expiry endpoint"),
    ("Create ACLs", "acls:create", Action.ACL_EDIT, "new add allow deny grant permission"),
    ("Create ACLs for an application", "acls:bundle", Action.ACL_EDIT, "bundle producer consumer grant"),
    ("Delete ACLs", "acls:list", Action.ACL_EDIT, "remove revoke permission"),
    ("Add a Connect cluster", "connect:add", Action.CLUSTER_MANAGE, "kafka connect external register url"),
    ("Start the Connect worker", "workers:start", Action.WORKER_OPERATE, "kafka connect connectors mirrormaker"),
    ("Connect worker", "workers:worker", Action.WORKER_VIEW, "kafka connect connectors stop restart remove log"),
    ("Import ACLs", "acls:import", Action.ACL_EDIT, "csv yaml upload"),
)  # fmt: skip
#: Only for clusters whose processes are ours.
BUNDLED_ACTIONS = (
    ("Rolling restart", "clusters:roll", Action.BROKER_OPERATE, "roll brokers all one after another"),
    ("Add broker", "clusters:add_broker", Action.BROKER_OPERATE, "new create node scale grow"),
)
ROTATIONS = (("clients", "client"), ("brokers", "broker"))


def of_cluster(actor: Actor, cluster: Cluster, suffix: str) -> Iterator[Item]:
    name = cluster.name
    for label, view, words in PAGES:
        yield Item(label + suffix, "page", resolve_url(view, name), words)
    bundled = bool(bootstrap_of(cluster))
    for label, view, action, words in (*ACTIONS, *(BUNDLED_ACTIONS if bundled else ())):
        if can(actor, action, name).allowed:
            yield Item(label + suffix, "action", resolve_url(view, name), words)
    if bundled and can(actor, Action.AUTHORITY_MANAGE, name).allowed:
        for purpose, word in ROTATIONS:
            label = f"Replace the key of the {word} authority{suffix}"
            url = resolve_url("certificates:rotation_begin", name, purpose)
            yield Item(label, "action", url, "rotate ca rotation certificate")


def objects(cluster: Cluster, query: str) -> Iterator[Item]:
    topics = selectors.topics(cluster, search=query).order_by(Length("name"), "name")
    for name in topics.values_list("name", flat=True)[:OBJECTS]:
        yield Item(name, "topic", resolve_url("topics:detail", cluster.name, name))
    for group in selectors.groups(cluster, search=query).values_list("group", flat=True)[:OBJECTS]:
        yield Item(group, "consumer group", resolve_url("groups:detail", cluster.name, group))
    for serial, name in certificates(cluster, search=query).values_list("serial", "common_name")[:OBJECTS]:
        yield Item(name, "certificate", resolve_url("certificates:detail", cluster.name, serial))
    for broker in selectors.brokers(cluster).values_list("broker_id", flat=True):
        if query in f"broker {broker}":
            yield Item(f"Broker {broker}", "broker", resolve_url("clusters:broker", cluster.name, broker))


def general(actor: Actor) -> Iterator[Item]:
    account = resolve_url("accounts:account")
    yield Item("Operations", "page", resolve_url("audit:list"), "audit history who changed")
    yield Item("Jobs", "page", resolve_url("jobs:list"), "work progress")
    yield Item("My account", "page", account, "preferences theme dark light time zone row height shortcuts")
    yield Item(
        "Sign-in methods and sessions", "page", resolve_url("accounts:security"), "two factor passkey totp"
    )
    yield Item("API tokens", "page", resolve_url("accounts:tokens"))
    yield Item("API reference", "page", resolve_url("api:docs"), "rest openapi curl")
    yield Item("Change my password", "action", resolve_url("account_change_password"), "rotate reset")
    yield Item("Sign out", "action", resolve_url("account_logout"), "log out logout")
    tokens = f"{resolve_url('accounts:tokens')}#new-token"
    if can(actor, Action.TOKEN_MANAGE_OWN, None).allowed:
        yield Item("Create API token", "action", tokens, "new add")
    yield Item("Clusters", "page", resolve_url("cluster_list"), "all registered external connections")
    if can(actor, Action.CLUSTER_MANAGE, None).allowed:
        yield Item("Add cluster", "action", resolve_url("cluster_add"), "new register external connect kafka")
    if can(actor, Action.USER_MANAGE, None).allowed:
        users = resolve_url("accounts:users")
        yield Item("Users and roles", "page", users, "accounts permissions")
        yield Item("Invite user", "action", f"{users}#invite", "new add create account person")
    for document in library().documents:
        yield Item(f"Manual: {document.title}", "manual", document.url)


def of_account(actor: Actor) -> Iterator[Item]:
    """One's own tokens, work that can be stopped, and, for admins, people: rows of this database, asked for when typed."""
    tokens = ApiToken.objects.filter(user_id=actor.user_id or 0, revoked_at=None)
    for name, prefix in tokens.values_list("name", "prefix")[:50]:
        url = f"{resolve_url('accounts:tokens')}#token-{prefix}"
        yield Item(f"Revoke API token {name}", "action", url, "delete remove")
    for job in jobs(actor).filter(ended_at=None)[:OBJECTS]:
        if can(actor, Action.JOB_CANCEL, job.cluster or None).allowed:
            yield Item(f"Cancel job {job.title}", "action", resolve_url("jobs:detail", job.pk), "stop abort")
    if can(actor, Action.USER_MANAGE, None).allowed:
        for username in User.objects.order_by("username").values_list("username", flat=True)[:500]:
            words = "roles grant disable enable login link password person"
            yield Item(f"User {username}", "user", resolve_url("accounts:user", username), words)
