"""The block of a principal as an address of the API, whether or not it has a certificate."""

from __future__ import annotations

from typing import ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.acls.logic.checks import NOT_A_PRINCIPAL, is_principal
from controlplane.clusters.block_api import BLOCK_OR_PLAN, BlockSerializer, block, block_answer, unblock
from controlplane.clusters.rest import ClusterApiView
from controlplane.core.access import Action
from controlplane.core.errors import Invalid
from controlplane.core.rest import DRY_RUN, IF_MATCH

PRINCIPAL = OpenApiParameter("principal", str, required=True, description="With its type: User:ann.")


class PrincipalBlockApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.ACL_VIEW, "POST": Action.ACL_EDIT, "DELETE": Action.ACL_EDIT}

    @extend_schema(
        summary="Whether a principal is blocked", parameters=[PRINCIPAL], responses={200: BlockSerializer}
    )
    def get(self, request: Request, cluster: str) -> Response:
        return block_answer(self.cluster, _principal(request))

    @extend_schema(
        summary="Block a principal, whatever it logs in with",
        description="Denies everything on each type of resource. No ACL allows anything until the block is lifted.",
        parameters=[PRINCIPAL, DRY_RUN, IF_MATCH],
        request=None,
        responses={200: BLOCK_OR_PLAN},
    )
    def post(self, request: Request, cluster: str) -> Response:
        return block(self, request, _principal(request), Action.ACL_EDIT)

    @extend_schema(
        summary="Lift the block of a principal",
        parameters=[PRINCIPAL, DRY_RUN, IF_MATCH],
        responses={200: BLOCK_OR_PLAN},
    )
    def delete(self, request: Request, cluster: str) -> Response:
        return unblock(self, request, _principal(request), Action.ACL_EDIT)


def _principal(request: Request) -> str:
    principal = request.query_params.get("principal", "")
    if not is_principal(principal):
        raise Invalid(fields={"principal": [NOT_A_PRINCIPAL]})
    return principal
