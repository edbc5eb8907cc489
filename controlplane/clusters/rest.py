"""The API's base for everything under `clusters/{cluster}/`; the walk of every change is `core.rest.change`."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.clusters.access import require
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action
from controlplane.core.rest import ApiView
from controlplane.core.rest import PlanSerializer as PlanSerializer
from controlplane.core.rest import change as change


class ClusterApiView(ApiView):
    """`self.cluster` is the cluster of the path; one that the actor may not see looks as if it did not exist."""

    cluster: Cluster

    def check_action(self, request: Request, action: Action) -> None:
        self.cluster = require(request._request, action, str(self.kwargs["cluster"]))


def accepted(job: Any, url: str) -> Response:
    """202 with the job that does the work."""
    return Response(
        {"job": str(job.pk), "url": url, "title": job.title}, status=202, headers={"Location": url}
    )
