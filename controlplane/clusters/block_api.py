"""What every API address of a block answers: a certificate has one, and so has a principal."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.clusters import blocking
from controlplane.clusters.models import Cluster
from controlplane.clusters.rest import ClusterApiView, change
from controlplane.core.access import Action
from controlplane.core.plans import Plan
from controlplane.core.rest import or_plan, with_etag


class BlockSerializer(serializers.Serializer[Any]):
    """Whether a principal is blocked on Kafka, read live. The answer's ETag is what If-Match takes."""

    principal = serializers.CharField()
    blocked = serializers.BooleanField(help_text="Everything is denied to it.")
    super_user = serializers.BooleanField(help_text="No ACL binds it, so it cannot be blocked.")
    denials = serializers.ListField(child=serializers.CharField(), help_text="Resource types with a denial.")


BLOCK_OR_PLAN = or_plan("BlockOrPlan", BlockSerializer)


def block_answer(cluster: Cluster, principal: str) -> Response:
    state = blocking.block_state(cluster, principal)
    body = {
        "principal": state.principal,
        "blocked": state.blocked,
        "super_user": state.super_user,
        "denials": sorted(str(acl.resource_type) for acl in state.present),
    }
    return with_etag(Response(body), state.digest)


def block(view: ClusterApiView, request: Request, principal: str, action: Action) -> Response:
    def apply(plan: Plan) -> Response:
        blocking.apply_block(view.actor, view.cluster, principal, plan)
        return block_answer(view.cluster, principal)

    return change(request, blocking.plan_block(view.cluster, principal, action=action), apply)


def unblock(view: ClusterApiView, request: Request, principal: str, action: Action) -> Response:
    def apply(plan: Plan) -> Response:
        blocking.apply_unblock(view.actor, view.cluster, principal, plan)
        return block_answer(view.cluster, principal)

    return change(request, blocking.plan_unblock(view.cluster, principal, action=action), apply)
