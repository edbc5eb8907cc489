"""Topic pages. Each view: guard, form, service, page. Lists read the snapshot, details read Kafka live."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.views.decorators.http import require_http_methods, require_safe

from controlplane.accounts.services import actor_of
from controlplane.clusters import selectors as clusters
from controlplane.clusters.access import allowed, cluster_view
from controlplane.clusters.changes import Done, filled, review_or_apply
from controlplane.clusters.models import Cluster, SnapshotPart, TopicSnapshot
from controlplane.clusters.pages import CopyPage
from controlplane.clusters.present import dead_brokers
from controlplane.core.access import Action
from controlplane.core.pages import render_page
from controlplane.core.plans import Plan
from controlplane.core.tables import Column, Table, table_of
from controlplane.gateways.kafka.types import TopicDescription
from controlplane.topics import pages, selectors, services
from controlplane.topics.forms import AddPartitionsForm, AlterConfigForm, CreateTopicForm
from controlplane.topics.logic.copies import topic_copy

COLUMNS = (
    Column("name", "Topic name"),
    Column("partitions", "Partitions", numeric=True),
    Column("out_of_sync", "Out of sync replicas", numeric=True),
    Column("replication_factor", "Replication factor", numeric=True),
    Column("records", "Messages ≈", numeric=True, title="End minus start offsets: an estimate"),
    Column("size_bytes", "Size", numeric=True, title="All replicas"),
    Column("cleanup_policy", "Clean-up"),
)
TOPIC_ACTIONS = (
    Action.TOPIC_EDIT,
    Action.TOPIC_DELETE,
    Action.TOPIC_PRODUCE,
    Action.TOPIC_READ_RECORDS,
)


@require_safe
@cluster_view(Action.TOPIC_VIEW)
def topic_list(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    internal = request.GET.get("internal") == "1"
    search = request.GET.get("search", "").strip()
    trouble = clusters.trouble_of(request.GET.get("trouble", ""))
    rows = clusters.topics(cluster, search=search, internal=internal, trouble=trouble)
    table: Table[TopicSnapshot] = table_of(request, rows, COLUMNS, default_sort="name")
    page = pages.TopicListPage(
        cluster=cluster,
        table=table,
        age=clusters.age(cluster, SnapshotPart.TOPICS),
        show_internal=internal,
        trouble=trouble,
        troubles=tuple(
            (found, found.label, count)
            for found, count in clusters.ill_topics(cluster).items()
            if count or found is trouble
        ),
        internal_count=clusters.topics(cluster).filter(internal=True).count(),
        can_create=allowed(request, cluster, Action.TOPIC_CREATE)["create"],
    )
    return render_page(request, page)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.TOPIC_CREATE)
def create(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    back = resolve_url("topics:list", cluster.name)
    form = CreateTopicForm(request.POST or None, initial=_create_defaults(cluster))

    def review() -> HttpResponse:
        wanted = form.to_request()

        def apply(plan: Plan) -> Done:
            services.apply_create(actor_of(request), cluster, wanted, plan)
            url = resolve_url("topics:detail", cluster.name, wanted.name)
            return Done(f"Topic {wanted.name} is created", url)

        plan = services.plan_create(cluster, wanted)
        crumbs = (("Topics", back),)
        return review_or_apply(
            request, cluster=cluster, plan=plan, back_url=back, apply=apply, crumbs=crumbs, editable=True
        )

    return filled(request, form, lambda: pages.CreateTopicPage(cluster=cluster, form=form), review)


def _create_defaults(cluster: Cluster) -> dict[str, int]:
    """Three replicas where three brokers live, fewer on smaller clusters."""
    return {"replication_factor": min(3, max(clusters.facts(cluster).brokers, 1))}


@require_safe
@cluster_view(Action.TOPIC_VIEW)
def detail(request: HttpRequest, cluster: Cluster, topic: str) -> HttpResponse:
    described = selectors.describe(cluster, topic)
    page = pages.TopicOverviewPage(
        **_head(request, cluster, described, "overview"),
        rows=selectors.partition_rows(cluster, described),
        dead=dead_brokers(cluster),
    )
    return render_page(request, page)


@require_safe
@cluster_view(Action.TOPIC_VIEW)
def settings(request: HttpRequest, cluster: Cluster, topic: str) -> HttpResponse:
    return render_page(request, _settings_page(request, cluster, topic))


def _settings_page(
    request: HttpRequest, cluster: Cluster, topic: str, editing: AlterConfigForm | None = None
) -> pages.TopicSettingsPage:
    """`editing`: the one setting whose form is open, with what was typed into it."""
    described = selectors.describe(cluster, topic)
    entries = selectors.config_entries(cluster, topic)
    search = request.GET.get("search", "").strip()
    only_changed = request.GET.get("changed") == "1"
    changed = [entry for entry in entries if entry.source in selectors.TOPIC_SOURCES]
    shown = [
        entry
        for entry in (changed if only_changed else entries)
        if search.lower() in entry.name.lower() or search.lower() in (entry.documentation or "").lower()
    ]
    first = editing.name if editing else ""
    return pages.TopicSettingsPage(
        **_head(request, cluster, described, "settings"),
        entries=tuple(
            sorted(shown, key=lambda entry: (entry.name != first, entry not in changed, entry.name))
        ),
        search=search,
        only_changed=only_changed,
        changed_count=len(changed),
        editing=editing,
    )


@require_safe
@cluster_view(Action.TOPIC_VIEW)
def consumers(request: HttpRequest, cluster: Cluster, topic: str) -> HttpResponse:
    head = _head(request, cluster, selectors.describe(cluster, topic), "consumers")
    return render_page(request, pages.TopicConsumersPage(**head))


@require_safe
@cluster_view(Action.ACL_VIEW)
def access(request: HttpRequest, cluster: Cluster, topic: str) -> HttpResponse:
    head = _head(request, cluster, selectors.describe(cluster, topic), "access")
    return render_page(request, pages.TopicAccessPage(**head))


@require_safe
@cluster_view(Action.METRICS_VIEW)
def metrics(request: HttpRequest, cluster: Cluster, topic: str) -> HttpResponse:
    head = _head(request, cluster, selectors.describe(cluster, topic), "metrics")
    return render_page(request, pages.TopicMetricsPage(**head))


@require_safe
@cluster_view(Action.TOPIC_VIEW)
def copy(request: HttpRequest, cluster: Cluster, topic: str) -> HttpResponse:
    found = topic_copy(cluster.name, selectors.topic_state(cluster, topic))
    page = CopyPage(cluster=cluster, name=topic, copy=found, crumbs=_crumbs(cluster, topic))
    return render_page(request, page)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.TOPIC_EDIT)
def alter_config(request: HttpRequest, cluster: Cluster, topic: str) -> HttpResponse:
    """Its form is a row of the settings: a GET, such as the filter's after a refusal, goes there."""
    back = resolve_url("topics:settings", cluster.name, topic)
    if request.method != "POST":
        return HttpResponseRedirect(f"{back}?{request.GET.urlencode()}")
    form = AlterConfigForm(request.POST)

    def review() -> HttpResponse:
        wanted = form.to_request()

        def apply(plan: Plan) -> Done:
            services.apply_alter_configs(actor_of(request), cluster, topic, wanted, plan)
            return Done(f"{form.name} of {topic} is changed", back)

        plan = services.plan_alter_configs(cluster, topic, wanted)
        crumbs = _crumbs(cluster, topic)
        return review_or_apply(
            request, cluster=cluster, plan=plan, back_url=back, apply=apply, crumbs=crumbs, editable=True
        )

    return filled(request, form, lambda: _settings_page(request, cluster, topic, form), review)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.TOPIC_EDIT)
def add_partitions(request: HttpRequest, cluster: Cluster, topic: str) -> HttpResponse:
    back = resolve_url("topics:detail", cluster.name, topic)
    form = AddPartitionsForm(request.POST or None)

    def page() -> pages.AddPartitionsPage:
        return pages.AddPartitionsPage(cluster=cluster, topic=selectors.describe(cluster, topic), form=form)

    def review() -> HttpResponse:
        count = form.cleaned_data["partitions"]

        def apply(plan: Plan) -> Done:
            services.apply_add_partitions(actor_of(request), cluster, topic, count, plan)
            return Done(f"{topic} has {count} partitions", back)

        plan = services.plan_add_partitions(cluster, topic, count)
        crumbs = _crumbs(cluster, topic)
        return review_or_apply(
            request, cluster=cluster, plan=plan, back_url=back, apply=apply, crumbs=crumbs, editable=True
        )

    return filled(request, form, page, review)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.TOPIC_DELETE)
def delete(request: HttpRequest, cluster: Cluster, topic: str) -> HttpResponse:
    def apply(plan: Plan) -> Done:
        services.apply_delete(actor_of(request), cluster, topic, plan)
        return Done(f"Topic {topic} is deleted", resolve_url("topics:list", cluster.name))

    back = resolve_url("topics:detail", cluster.name, topic)
    plan = services.plan_delete(cluster, topic)
    return review_or_apply(
        request, cluster=cluster, plan=plan, back_url=back, apply=apply, crumbs=_crumbs(cluster, topic)
    )


def _head(request: HttpRequest, cluster: Cluster, topic: TopicDescription, tab: str) -> pages.TopicHead:
    return {
        "cluster": cluster,
        "topic": topic,
        "snapshot": clusters.topics(cluster).filter(name=topic.name).first(),
        "tab": tab,
        "can": allowed(request, cluster, *TOPIC_ACTIONS),
    }


def _crumbs(cluster: Cluster, topic: str) -> tuple[tuple[str, str], ...]:
    topics = resolve_url("topics:list", cluster.name)
    return (("Topics", topics), (topic, resolve_url("topics:detail", cluster.name, topic)))
