"""Dashboard and broker pages. Lists and the verdict come from the snapshot; a broker's tabs read it live."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from controlplane.clusters import operations, pages, present, removal, selectors
from controlplane.clusters.access import allowed, cluster_view
from controlplane.clusters.changes import Done, filled, review_or_apply
from controlplane.clusters.forms import RemoveBrokerForm
from controlplane.clusters.logic import copies
from controlplane.clusters.logic.broker_plans import BrokerAct
from controlplane.clusters.logic.summaries import kafka_default
from controlplane.clusters.logic.verdict import LOST_DIRECTORY, Line, Link, judge
from controlplane.clusters.models import BrokerSnapshot, Cluster, SnapshotPart
from controlplane.clusters.services import gateway_for
from controlplane.core.access import Action, can
from controlplane.core.actors import actor_of
from controlplane.core.errors import NotFound
from controlplane.core.pages import render_page
from controlplane.core.plans import Plan
from controlplane.core.tables import Column, Table, table_of
from controlplane.gateways import broker as bundled
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka.types import ConfigSource, ResourceRef, ResourceType

COLUMNS = (
    Column("broker_id", "Broker ID", numeric=True),
    Column("fenced", "State"),
    Column("size_bytes", "Disk usage", numeric=True, title="Bytes of all replicas on this broker"),
    Column("in_sync", "In sync replicas", numeric=True),
    Column("replicas", "Replicas", numeric=True),
    Column("leaders", "Leaders", numeric=True),
    Column("host", "Host"),
    Column("port", "Port", numeric=True),
)
LARGEST_REPLICAS = 20
LOG_BYTES = 200_000
DEFAULT_SOURCE = ConfigSource.DEFAULT_CONFIG


def home(request: HttpRequest) -> HttpResponse:
    """`/`: the dashboard of the cluster looked at last, or of the first that may be seen."""
    actor = actor_of(request)
    rows = [row for row in selectors.clusters() if can(actor, Action.CLUSTER_VIEW, row.name).allowed]
    last = next((row for row in rows if row.name == request.session.get("cluster")), None)
    if not rows and can(actor, Action.CLUSTER_MANAGE, None).allowed:
        return redirect("cluster_list")
    if not rows:
        raise NotFound(
            "There is no cluster that you may see", hint="An admin grants roles under Settings, Users."
        )
    return redirect("clusters:dashboard", (last or selectors.first_of(rows) or rows[0]).name)


@require_safe
@cluster_view(Action.CLUSTER_VIEW)
def dashboard(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    rows = present.broker_rows(cluster)
    verdict = judge(present.cluster_now(cluster, rows), timezone.now())
    page = pages.DashboardPage(
        cluster=cluster,
        tone=verdict.tone,
        headline=linked(cluster, verdict.headline),
        reasons=tuple(linked(cluster, line) for line in verdict.reasons),
        facts=selectors.facts(cluster),
        age=selectors.age(cluster, SnapshotPart.BROKERS),
        rows=rows,
        first_steps=first_steps(request, cluster),
        bootstrap=bootstrap_of(cluster),
        client_files=client_files_of(cluster),
        servers=cluster.connection.bootstrap if cluster.external else "",
    )
    return render_page(request, page)


def linked(cluster: Cluster, line: Line) -> pages.LinkedLine:
    match line.link:
        case None:
            return pages.LinkedLine(line.text)
        case Link.BROKER:
            return pages.LinkedLine(line.text, resolve_url("clusters:broker", cluster.name, int(line.key)))
        case Link.LOG_DIRS:
            url = resolve_url("clusters:broker_log_dirs", cluster.name, int(line.key))
            return pages.LinkedLine(line.text, url)
        case Link.ALERT:
            return pages.LinkedLine(line.text, resolve_url("alerts:detail", cluster.name, line.key))
        case Link.JOB:
            return pages.LinkedLine(line.text, resolve_url("jobs:detail", line.key))
    topics = resolve_url("topics:list", cluster.name)
    return pages.LinkedLine(line.text, f"{topics}?internal=1&trouble={line.link.value}")


def first_steps(request: HttpRequest, cluster: Cluster) -> tuple[pages.StartStep, ...]:
    """The checklist of the first minutes; each step ticks itself, and the list goes away when all are done."""
    own = selectors.topics(cluster, internal=False)
    newest = own.order_by("-records").first()
    steps = (
        pages.StartStep("Create a topic", own.exists(), resolve_url("topics:create", cluster.name)),
        pages.StartStep(
            "Produce a message and watch it arrive",
            own.filter(records__gt=0).exists(),
            resolve_url("records:produce", cluster.name, newest.name)
            if newest
            else resolve_url("topics:list", cluster.name),
        ),
        pages.StartStep(
            "Read it with a consumer group",
            selectors.groups(cluster).exists(),
            resolve_url("manual:page", "getting-started"),
        ),
    )
    return () if all(step.done for step in steps) else steps


def bootstrap_of(cluster: Cluster) -> tuple[tuple[str, str], ...]:
    """The listeners for clients of a bundled cluster; empty for an external one, of which only our own way is known."""
    try:
        spec = bundled.bundled_cluster(cluster.name)
    except GatewayError:
        return ()
    return tuple((name, bundled.bootstrap(spec, name)) for name in ("SASL_SSL", "SSL"))


def client_files_of(cluster: Cluster) -> str:
    """The directory that `up` fills for people's tools; empty for a cluster that is not bundled."""
    try:
        spec = bundled.bundled_cluster(cluster.name)
    except GatewayError:
        return ""
    return str(bundled.admin_directory(bundled.data_paths(), spec))


@require_safe
@cluster_view(Action.BROKER_VIEW)
def brokers(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    table: Table[BrokerSnapshot] = table_of(
        request, selectors.brokers(cluster), COLUMNS, default_sort="broker_id"
    )
    page = pages.BrokerListPage(
        cluster=cluster,
        table=table,
        rows=present.broker_rows(cluster, tuple(table.rows)),
        age=selectors.age(cluster, SnapshotPart.BROKERS),
        can=allowed(request, cluster, Action.BROKER_OPERATE),
        bundled=bool(bootstrap_of(cluster)),
    )
    return render_page(request, page)


@require_safe
@cluster_view(Action.BROKER_VIEW)
def broker(request: HttpRequest, cluster: Cluster, broker: int) -> HttpResponse:
    return render_page(request, pages.BrokerOverviewPage(**_head(request, cluster, broker, "overview")))


@require_safe
@cluster_view(Action.BROKER_VIEW)
def broker_configs(request: HttpRequest, cluster: Cluster, broker: int) -> HttpResponse:
    head = _head(request, cluster, broker, "configs")
    search = request.GET.get("search", "").strip().lower()
    only_changed = request.GET.get("changed") == "1"
    ref = ResourceRef(ResourceType.BROKER, str(broker))
    error = None
    try:
        entries = gateway_for(cluster).describe_configs([ref])[ref]
    except GatewayError as failure:
        entries, error = (), failure
    shown = tuple(
        entry
        for entry in entries
        if (not only_changed or entry.source != DEFAULT_SOURCE)
        and (search in entry.name.lower() or search in entry.documentation.lower())
    )
    page = pages.BrokerConfigsPage(
        **head,
        entries=tuple((entry, kafka_default(entry)) for entry in shown),
        error=error,
        search=search,
        only_changed=only_changed,
    )
    return render_page(request, page)


@require_safe
@cluster_view(Action.BROKER_VIEW)
def broker_copy(request: HttpRequest, cluster: Cluster, broker: int) -> HttpResponse:
    row = _head(request, cluster, broker, "overview")["row"].broker
    ref = ResourceRef(ResourceType.BROKER, str(broker))
    changed = {
        entry.name: entry.value
        for entry in gateway_for(cluster).describe_configs([ref])[ref]
        if entry.source != DEFAULT_SOURCE and not entry.sensitive
    }
    brokers = resolve_url("clusters:brokers", cluster.name)
    crumbs = (("Brokers", brokers), (str(broker), resolve_url("clusters:broker", cluster.name, broker)))
    found = copies.broker_copy(cluster.name, broker, row.host, row.port, changed)
    return render_page(request, pages.CopyPage(cluster, f"Broker {broker}", found, crumbs))


@require_safe
@cluster_view(Action.BROKER_VIEW)
def broker_log_dirs(request: HttpRequest, cluster: Cluster, broker: int) -> HttpResponse:
    head = _head(request, cluster, broker, "log_dirs")
    error = None
    try:
        found = gateway_for(cluster).describe_log_dirs([broker])
    except GatewayError as failure:
        found, error = (), failure
    shown = tuple(
        (
            each,
            tuple(sorted(each.replicas, key=lambda replica: -replica.size)[:LARGEST_REPLICAS]),
            sum(replica.size for replica in each.replicas),
        )
        for each in found
    )
    return render_page(
        request, pages.BrokerLogDirsPage(**head, log_dirs=shown, error=error, lost=LOST_DIRECTORY)
    )


@require_safe
@cluster_view(Action.METRICS_VIEW)
def broker_metrics(request: HttpRequest, cluster: Cluster, broker: int) -> HttpResponse:
    return render_page(request, pages.BrokerMetricsPage(**_head(request, cluster, broker, "metrics")))


@require_safe
@cluster_view(Action.BROKER_OPERATE)
def broker_logs(request: HttpRequest, cluster: Cluster, broker: int) -> HttpResponse:
    head = _head(request, cluster, broker, "logs")
    search = request.GET.get("search", "").strip()
    text = bundled.broker_log(bundled.bundled_cluster(cluster.name), broker, LOG_BYTES)
    page = pages.BrokerLogsPage(**head, lines=present.log_shown(text, search), search=search)
    return render_page(request, page)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.BROKER_OPERATE)
def broker_act(request: HttpRequest, cluster: Cluster, broker: int, act: str) -> HttpResponse:
    if act not in set(BrokerAct):
        raise NotFound(f"There is no act {act!r}", hint=f"One of {', '.join(BrokerAct)}.")
    wanted = BrokerAct(act)
    operations.process_name(bundled.bundled_cluster(cluster.name), broker)

    def apply(plan: Plan) -> Done:
        job = operations.apply_act(actor_of(request), cluster, broker, wanted, plan)
        return Done(f"{plan.title}: started", resolve_url("jobs:detail", job.pk))

    back = resolve_url("clusters:broker", cluster.name, broker)
    plan = operations.plan_act(cluster, broker, wanted)
    crumbs = (("Brokers", resolve_url("clusters:brokers", cluster.name)),)
    return review_or_apply(request, cluster=cluster, plan=plan, back_url=back, apply=apply, crumbs=crumbs)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.BROKER_OPERATE)
def roll(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    def apply(plan: Plan) -> Done:
        job = operations.apply_roll(actor_of(request), cluster, plan)
        return Done("Rolling restart: started", resolve_url("jobs:detail", job.pk))

    back = resolve_url("clusters:brokers", cluster.name)
    plan = operations.plan_roll(cluster)
    crumbs = (("Brokers", resolve_url("clusters:brokers", cluster.name)),)
    return review_or_apply(request, cluster=cluster, plan=plan, back_url=back, apply=apply, crumbs=crumbs)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.BROKER_OPERATE)
def add_broker(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    def apply(plan: Plan) -> Done:
        job = operations.apply_add(actor_of(request), cluster, plan)
        return Done(f"{plan.title}: started", resolve_url("jobs:detail", job.pk))

    back = resolve_url("clusters:brokers", cluster.name)
    plan = operations.plan_add(cluster)
    crumbs = (("Brokers", resolve_url("clusters:brokers", cluster.name)),)
    return review_or_apply(request, cluster=cluster, plan=plan, back_url=back, apply=apply, crumbs=crumbs)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.BROKER_OPERATE)
def remove_broker(request: HttpRequest, cluster: Cluster, broker: int) -> HttpResponse:
    operations.process_name(bundled.bundled_cluster(cluster.name), broker)
    form = RemoveBrokerForm(request.POST if request.method == "POST" else None)
    brokers = resolve_url("clusters:brokers", cluster.name)
    back = resolve_url("clusters:broker", cluster.name, broker)
    crumbs = (("Brokers", brokers), (str(broker), back))
    page = pages.RemoveBrokerPage(cluster=cluster, broker=broker, form=form, crumbs=crumbs)

    def review() -> HttpResponse:
        asked = form.to_request(broker)

        def apply(plan: Plan) -> Done:
            job = removal.apply_remove(actor_of(request), cluster, asked, plan)
            return Done(f"{plan.title}: started", resolve_url("jobs:detail", job.pk))

        plan = removal.plan_remove(cluster, asked)
        return review_or_apply(
            request, cluster=cluster, plan=plan, back_url=back, apply=apply, crumbs=crumbs, editable=True
        )

    return filled(request, form, lambda: page, review)


def _head(request: HttpRequest, cluster: Cluster, broker: int, tab: str) -> pages.BrokerHead:
    row = selectors.brokers(cluster).filter(broker_id=broker).first()
    if row is None:
        raise NotFound(f"There is no broker {broker} in {cluster.title}", hint="Brokers lists all.")
    return {
        "cluster": cluster,
        "row": present.broker_rows(cluster, (row,))[0],
        "tab": tab,
        "can": allowed(request, cluster, Action.BROKER_OPERATE, Action.METRICS_VIEW),
    }
