"""The API of an authority's key: where its replacement stands, and each step. Same services as the pages."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.certificates import rotation
from controlplane.certificates.logic.rotation import plan_request
from controlplane.certificates.logic.rotation_state import (
    AuthorityFacts,
    RotationPhase,
    RotationState,
    RotationStep,
)
from controlplane.certificates.rotation_views import purpose_of
from controlplane.clusters.api import JobAccepted, job_answer
from controlplane.clusters.rest import ClusterApiView, PlanSerializer, change
from controlplane.core.access import Action
from controlplane.core.errors import Invalid
from controlplane.core.plans import Plan
from controlplane.core.rest import DRY_RUN, IF_MATCH, is_dry_run, or_plan, plan_answer, valid_data, with_etag
from controlplane.gateways import authorities
from controlplane.gateways import broker as bundled
from controlplane.gateways.authorities import Hierarchy
from controlplane.gateways.broker import Purpose

STEPS = tuple(step.value for step in RotationStep)


class AuthorityRootSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    fingerprint = serializers.CharField(help_text="SHA-256 of the root.")
    ends = serializers.CharField()
    external = serializers.BooleanField()
    issuing = serializers.CharField(
        help_text="The authority below the root that signs; it may be the root itself."
    )
    public_key = serializers.CharField(help_text="SHA-256 of the public key of the one that signs.")


class NodeTrustSerializer(serializers.Serializer[Any]):
    """What one broker was seen to do just now."""

    broker = serializers.IntegerField()
    running = serializers.BooleanField()
    trusts_next = serializers.BooleanField(allow_null=True)
    presents_current = serializers.BooleanField()
    restarted_since = serializers.BooleanField()
    trusts_leaving = serializers.BooleanField(
        allow_null=True,
        help_text="Whether it takes what is being dropped or abandoned. Null: nothing is, or it did not answer alike.",
    )


class RotationSerializer(serializers.Serializer[Any]):
    """Where the replacement of an authority's key stands. The answer's ETag is what If-Match takes."""

    purpose = serializers.CharField()
    phase = serializers.ChoiceField(choices=[phase.value for phase in RotationPhase])
    current = AuthorityRootSerializer()
    following = AuthorityRootSerializer(allow_null=True)
    old = AuthorityRootSerializer(allow_null=True)
    brokers = NodeTrustSerializer(many=True)
    dependents = serializers.ListField(
        child=serializers.CharField(), help_text="Valid certificates that the old authority issued."
    )
    busy = serializers.CharField(allow_blank=True, help_text="The job that works on it now.")


class StepInput(serializers.Serializer[Any]):
    """`chain` alone: the answer to our signing request. With `key`: an authority of yours. Both only for `begin`."""

    step = serializers.ChoiceField(choices=STEPS)
    chain = serializers.CharField(required=False, max_length=64 * 1024)
    key = serializers.CharField(required=False, max_length=64 * 1024)
    password = serializers.CharField(required=False, max_length=1000, trim_whitespace=False)


class RequestSerializer(serializers.Serializer[Any]):
    csr = serializers.CharField()


REQUEST_OR_PLAN = or_plan("RequestOrPlan", RequestSerializer)


class RotationApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.CERTIFICATE_VIEW, "POST": Action.AUTHORITY_MANAGE}

    @extend_schema(summary="Where the replacement of an authority's key stands", responses=RotationSerializer)
    def get(self, request: Request, cluster: str, purpose: str) -> Response:
        state = rotation.state_of(self.cluster, purpose_of(purpose))
        return with_etag(Response(_state(state)), state.digest)

    @extend_schema(
        summary="Take a step in the replacement of an authority's key",
        description="With an authority of yours the tag is that of the dry run: it covers its certificates and its key.",
        parameters=[DRY_RUN, IF_MATCH],
        request=StepInput,
        responses={202: JobAccepted, 200: PlanSerializer},
        examples=[OpenApiExample("trust a new key", {"step": "begin"}, request_only=True)],
    )
    def post(self, request: Request, cluster: str, purpose: str) -> Response:
        data, wanted = valid_data(StepInput, request), purpose_of(purpose)
        step = RotationStep(data["step"])
        coming = _successor(self.cluster.name, wanted, step, data)

        def apply(plan: Plan) -> Response:
            return job_answer(rotation.apply(self.actor, self.cluster, wanted, step, plan, coming))

        plan = rotation.plan(self.cluster, wanted, step, coming, key_given=bool(data.get("key")))
        return change(request, plan, apply)


class SigningRequestApi(ClusterApiView):
    actions: ClassVar = {"POST": Action.AUTHORITY_MANAGE}

    @extend_schema(
        summary="A request for an authority that your company signs",
        parameters=[DRY_RUN],
        request=None,
        responses={200: REQUEST_OR_PLAN},
    )
    def post(self, request: Request, cluster: str, purpose: str) -> Response:
        wanted = purpose_of(purpose)
        if is_dry_run(request):
            return plan_answer(plan_request(wanted.value, cluster=self.cluster.name))
        return Response({"csr": rotation.signing_request(self.actor, self.cluster, wanted)})


def _successor(cluster: str, purpose: Purpose, step: RotationStep, data: dict[str, Any]) -> Hierarchy | None:
    chain, key = data.get("chain", ""), data.get("key", "")
    if step is not RotationStep.BEGIN and (chain or key):
        raise Invalid(fields={"chain": ["Only 'begin' takes an authority."]})
    if key and not chain:
        raise Invalid(fields={"chain": ["A key needs its certificate, and the way up to the root."]})
    if not chain:
        return None
    spec = bundled.bundled_cluster(cluster)
    if not key:
        return authorities.signed_hierarchy(spec, purpose, chain)
    return authorities.uploaded_hierarchy(
        spec, purpose, chain_pem=chain, key_pem=key, password=data.get("password", "")
    )


def _state(state: RotationState) -> dict[str, Any]:
    return {
        "purpose": state.purpose,
        "phase": state.phase.value,
        "current": _root(state.current),
        "following": _root(state.following) if state.following else None,
        "old": _root(state.old) if state.old else None,
        "brokers": [
            {
                "broker": node.node,
                "running": node.running,
                "trusts_next": node.trusts_next,
                "presents_current": node.presents_current,
                "restarted_since": node.restarted_since,
                "trusts_leaving": node.trusts_leaving,
            }
            for node in state.nodes
        ],
        "dependents": list(state.dependents),
        "busy": state.busy,
    }


def _root(facts: AuthorityFacts) -> dict[str, Any]:
    return {
        "name": facts.name,
        "fingerprint": facts.fingerprint,
        "ends": facts.ends,
        "external": facts.external,
        "issuing": facts.issuing,
        "public_key": facts.key,
    }
