"""The API's base for everything under `clusters/{cluster}/`, and the one walk of every change through it.

dry run → the plan; otherwise If-Match (where the state exists already), apply, answer, with the new tag.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.clusters.access import require
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action
from controlplane.core.plans import Plan
from controlplane.core.rest import ApiView, check_if_match, check_refusals, is_dry_run, plan_answer


class PlanSerializer(serializers.Serializer[Any]):
    """What would happen. `digest` is also the ETag."""

    action = serializers.CharField()
    title = serializers.CharField()
    cluster = serializers.CharField()
    risk = serializers.ChoiceField(choices=["reversible", "disruptive", "destructive"])
    digest = serializers.CharField()
    allowed = serializers.BooleanField()
    steps = serializers.ListField(child=serializers.DictField())
    warnings = serializers.ListField(child=serializers.CharField())
    refusals = serializers.ListField(child=serializers.DictField())
    affected = serializers.ListField(child=serializers.DictField())
    undo = serializers.CharField()
    commands = serializers.ListField(child=serializers.CharField())
    confirm_name = serializers.CharField(allow_null=True)
    request = serializers.DictField()


class ClusterApiView(ApiView):
    """`self.cluster` is the cluster of the path; one that the actor may not see looks as if it did not exist."""

    cluster: Cluster

    def check_action(self, request: Request, action: Action) -> None:
        self.cluster = require(request._request, action, str(self.kwargs["cluster"]))


def change(
    request: Request, plan: Plan, apply: Callable[[Plan], Response], *, conditional: bool = True
) -> Response:
    """`conditional` is False for creations: there is no state to match, and If-Match is then honoured, not required."""
    if is_dry_run(request):
        return plan_answer(plan)
    if conditional or "If-Match" in request.headers:
        check_if_match(request, plan)
    else:
        check_refusals(plan)
    return apply(plan)


def accepted(job: Any, url: str) -> Response:
    """202 with the job that does the work."""
    return Response(
        {"job": str(job.pk), "url": url, "title": job.title}, status=202, headers={"Location": url}
    )
