"""Consumer groups: list from the snapshot, detail live, and the Consumers tab that a topic's page swaps in."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from controlplane.clusters import selectors as clusters
from controlplane.clusters.access import cluster_view
from controlplane.clusters.models import Cluster, GroupSnapshot, SnapshotPart
from controlplane.core.access import Action
from controlplane.core.pages import render_page
from controlplane.core.tables import Column, Table, table_of
from controlplane.groups import pages, selectors

COLUMNS = (
    Column("group", "Group ID"),
    Column("state", "State"),
    Column("type", "Type"),
    Column("members", "Members", numeric=True),
    Column("topics", "Topics", numeric=True),
    Column("lag", "Consumer lag", numeric=True, title="Records between committed and end offsets"),
    Column("coordinator", "Coordinator", numeric=True),
)


@require_safe
@cluster_view(Action.GROUP_VIEW)
def group_list(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    search = request.GET.get("search", "").strip()
    table: Table[GroupSnapshot] = table_of(
        request, clusters.groups(cluster, search=search), COLUMNS, default_sort="group"
    )
    age = clusters.age(cluster, SnapshotPart.GROUPS)
    return render_page(request, pages.GroupListPage(cluster=cluster, table=table, age=age))


@require_safe
@cluster_view(Action.GROUP_VIEW)
def detail(request: HttpRequest, cluster: Cluster, group: str) -> HttpResponse:
    found = selectors.describe(cluster, group)
    return render_page(request, pages.GroupPage(cluster=cluster, detail=found))


@require_safe
@cluster_view(Action.GROUP_VIEW)
def of_topic(request: HttpRequest, cluster: Cluster, topic: str) -> HttpResponse:
    rows = selectors.groups_of_topic(cluster, topic)
    return render_page(request, pages.TopicGroupsPage(cluster=cluster, topic=topic, rows=rows))
