"""What the dashboard says of alerts: what is wrong by the rules, since when, and what to do."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from controlplane.alerts import pages, present
from controlplane.alerts.models import AlertState, Rule
from controlplane.clusters.access import cluster_view
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action
from controlplane.core.pages import render_page

#: More than these are on the Alerts page.
MOST = 5
#: Rules are evaluated every five seconds.
LATE = timedelta(seconds=60)


@require_safe
@cluster_view(Action.ALERT_VIEW)
def summary(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    firing = present.alert_rows(present.alerts_of(cluster).filter(state=AlertState.FIRING))
    loud = sorted((row for row in firing if not row.quieted), key=lambda row: (row.rank, row.active_at))
    evaluated_at = present.beat().completed_at
    late = evaluated_at is not None and timezone.now() - evaluated_at > LATE
    return render_page(
        request,
        pages.DashboardAlerts(
            cluster=cluster,
            rows=tuple(loud[:MOST]),
            more=max(len(loud) - MOST, 0),
            quiet=len(firing) - len(loud),
            rules=Rule.objects.filter(cluster__in=("", cluster.name), enabled=True).count(),
            evaluated_at=evaluated_at,
            late=late,
        ),
    )
