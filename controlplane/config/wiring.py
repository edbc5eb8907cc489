"""Who is asked by whom, where the directions between packages forbid an import: dotted paths, resolved when they are used.

Domains add a line each; settings hands these on under the same names.
"""

from __future__ import annotations

#: kind → handler `run(job: JobRun) -> dict`. Domains add a line each.
JOB_KINDS: dict[str, str] = {
    "brokers.act": "controlplane.clusters.operations.run_act",
    "brokers.roll": "controlplane.clusters.operations.run_roll",
    "brokers.add": "controlplane.clusters.operations.run_add",
    "brokers.remove": "controlplane.clusters.removal.run_remove",
    "clusters.create": "controlplane.clusters.bundling.run_create",
    "clusters.whole": "controlplane.clusters.bundling.run_whole",
    "certificates.rotate": "controlplane.certificates.rotation.run",
    "connect.worker": "controlplane.workers.services.run",
    "connect.stage": "controlplane.workers.plugins.run_stage",
    "connect.plugin": "controlplane.workers.plugins.run_change",
    "replication.step": "controlplane.replication.failover.run_step",
    "replication.compare": "controlplane.replication.verifying.run",
    "acls.watch": "controlplane.acls.watching.run_watch",
}
#: kind → where such a job belongs, `place(job)`: a label and the path of a page. A job of another kind has no such page.
JOB_PLACES: dict[str, str] = {
    "brokers.act": "controlplane.clusters.places.brokers",
    "brokers.roll": "controlplane.clusters.places.brokers",
    "brokers.add": "controlplane.clusters.places.brokers",
    "brokers.remove": "controlplane.clusters.places.brokers",
    "clusters.create": "controlplane.clusters.places.all_clusters",
    "clusters.whole": "controlplane.clusters.places.all_clusters",
    "connect.worker": "controlplane.workers.places.worker",
    "connect.stage": "controlplane.workers.places.plugins",
    "connect.plugin": "controlplane.workers.places.plugins",
    "replication.step": "controlplane.replication.places.runbook",
    "replication.compare": "controlplane.replication.places.flow",
}
#: Of domains that hand out certificates: `source(cluster)` gives, by principal, those that brokers accept now. Read by
#: clusters.credentials for whoever gives rights to a name.
CREDENTIAL_SOURCES = ("controlplane.certificates.selectors.accepted_certificates",)
#: Who needs a cluster: `users(cluster)` names what would break without it. Read by clusters.bundling and
#: clusters.registration before a removal.
CLUSTER_USERS = (
    "controlplane.replication.selectors.needing",
    "controlplane.workers.selectors.needing",
)
#: Who reads metrics beside the boards: `reader()` gives names with the metrics that each needs. Read by
#: metrics.configuring, which says what stays empty with a source.
METRIC_READERS = ("controlplane.alerts.selectors.metrics_of_rules",)
#: What fires on a cluster and is not kept quiet, `firing(cluster)`. Read by clusters.present for the verdict.
FIRING_ALERTS = "controlplane.alerts.present.alarms"
#: Tasks to send when a broker falls silent or answers again: rules are then judged at once, not at their next period.
WHEN_A_BROKER_TURNS = ("alerts.evaluate_soon",)
#: Which of some rights a principal lacks: `lacking(cluster, principal, wanted)`. Read by connect.selectors, whose plans warn.
LACKING_RIGHTS = "controlplane.acls.selectors.lacking"
#: Topics of a cluster that flows keep for themselves, `kept(cluster)`. Read by clusters.selectors: nobody else writes or deletes them.
TOPICS_OF_FLOWS = "controlplane.replication.selectors.kept_topics"
#: Which cluster the flow reads whose connector has this name, `source_of(name, target)`; empty where it is of none. Read by
#: connect.guarding, which keeps such connectors for those who may on both clusters.
SOURCE_OF_CONNECTOR = "controlplane.replication.logic.connectors.source_of"
