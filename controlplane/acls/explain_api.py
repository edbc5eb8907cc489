"""The ACL API's answers: may this one do that and why, who may, what is odd, what was refused lately."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.acls import selectors
from controlplane.acls.logic import questions
from controlplane.acls.logic.authorize import Question
from controlplane.acls.logic.authorizer_log import denial_json
from controlplane.acls.logic.bindings import CLUSTER_NAME, WILDCARD, to_json
from controlplane.acls.logic.checks import NOT_A_PRINCIPAL, asked_host_problem, is_principal, normal_host
from controlplane.acls.logic.findings import Finding
from controlplane.acls.logic.questions import Task, TaskQuestion, Verdict
from controlplane.acls.logic.remedies import allowed_now, remedies
from controlplane.acls.logic.who import Who, who_may
from controlplane.acls.serializers import (
    ASKABLE,
    ENUMS,
    ExplanationSerializer,
    FindingsSerializer,
    WhoMaySerializer,
)
from controlplane.clusters.rest import ClusterApiView
from controlplane.core.access import Action
from controlplane.core.errors import Invalid
from controlplane.gateways.kafka.access_types import Acl, AclOperation, AclResourceType


class AclExplainApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.ACL_VIEW}

    @extend_schema(
        summary="Explain: may this principal do that?",
        description="One operation on one resource, or with `task` all that producing or consuming needs "
        "(`resource_name` is then the topic, `second` the group or transactional id).",
        parameters=[
            OpenApiParameter("principal", str, required=True),
            OpenApiParameter("host", str, description="An address; without it, one that no binding names."),
            OpenApiParameter("operation", str, enum=ASKABLE),
            OpenApiParameter("resource_type", str, enum=ENUMS["resource_type"]),
            OpenApiParameter("resource_name", str),
            OpenApiParameter("task", str, enum=[task.value for task in Task]),
            OpenApiParameter("second", str),
        ],
        responses=ExplanationSerializer,
    )
    def get(self, request: Request, cluster: str) -> Response:
        authorizer = selectors.authorizer(self.cluster)
        verdict = questions.answer(_question(request), authorizer)
        return Response({**_explanation(verdict), "unknown": authorizer.unknown or None})


class AclFindingsApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.ACL_VIEW}

    @extend_schema(
        summary="Findings and recent denials",
        description="What is odd about the bindings, and what the brokers refused lately, newest first.",
        responses=FindingsSerializer,
    )
    def get(self, request: Request, cluster: str) -> Response:
        refused = selectors.recent_denials(self.cluster).rows
        state = selectors.authorizer_if_known(self.cluster)
        return Response(
            {
                "findings": [_finding(each) for each in selectors.all_findings(self.cluster)],
                "denials": [
                    {
                        **denial_json(row),
                        "allowed_now": None if state is None else allowed_now(row, state),
                        "allow_bundles": [each.body for each in remedies(row, refused)],
                    }
                    for row in refused
                ],
            }
        )


class WhoMayApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.ACL_VIEW}

    @extend_schema(
        summary="Who may do that?",
        description="The reverse of explain: every principal that the bindings allow one operation on one resource, super "
        "users included, each with the binding that decides; and whom a DENY refuses.",
        parameters=[
            OpenApiParameter("operation", str, enum=ASKABLE, required=True),
            OpenApiParameter("resource_type", str, enum=ENUMS["resource_type"], required=True),
            OpenApiParameter("resource_name", str, description="The cluster needs none."),
        ],
        responses=WhoMaySerializer,
    )
    def get(self, request: Request, cluster: str) -> Response:
        given = {name: value.strip() for name, value in request.query_params.dict().items()}
        kind = AclResourceType(given.get("resource_type", ""))
        whole = kind == AclResourceType.CLUSTER
        _check_asked(given, ("operation", "resource_type", *(() if whole else ("resource_name",))))
        name = CLUSTER_NAME if whole else given["resource_name"]
        found = who_may(AclOperation(given["operation"]), kind, name, selectors.authorizer(self.cluster))
        return Response(
            {
                "allowed": [_who(each) for each in found.allowed],
                "denied": [_who(each) for each in found.denied],
            }
        )


def _question(request: Request) -> Question | TaskQuestion:
    given = {name: value.strip() for name, value in request.query_params.dict().items()}
    host = normal_host(given.get("host", "")) or WILDCARD
    if "task" in given:
        return _task(given, host)
    cluster = given.get("resource_type") == AclResourceType.CLUSTER
    needed = ("principal", "operation", "resource_type", *(() if cluster else ("resource_name",)))
    _check_asked(given, needed)
    return Question(
        given["principal"],
        AclOperation(given["operation"]),
        AclResourceType(given["resource_type"]),
        CLUSTER_NAME if cluster else given["resource_name"],
        host,
    )


def _check_asked(given: Mapping[str, str], needed: Sequence[str]) -> None:
    problems = {name: ["This field is required."] for name in needed if not given.get(name)}
    if "principal" in needed and "principal" not in problems and not is_principal(given["principal"]):
        problems["principal"] = [NOT_A_PRINCIPAL]
    if problem := asked_host_problem(given.get("host", "")):
        problems["host"] = [problem]
    if problems:
        raise Invalid(fields=problems)


def _task(given: Mapping[str, str], host: str) -> TaskQuestion:
    needed = ["principal", "resource_name"]
    task = Task(given["task"])
    if task is not Task.PRODUCE:
        needed.append("second")
    _check_asked(given, needed)
    return TaskQuestion(task, given["principal"], given["resource_name"], given.get("second", ""), host)


def _who(each: Who) -> dict[str, Any]:
    return {
        "principal": each.principal,
        "rule": each.rule.value,
        "decided_by": _json_or_none(each.decided_by),
        "only_from": list(each.only_from),
        "not_from": list(each.not_from),
        "blocked": each.blocked,
    }


def _explanation(verdict: Verdict) -> dict[str, Any]:
    return {
        "allowed": verdict.allowed,
        "reason": verdict.reason,
        "decided_by": _json_or_none(verdict.decided_by),
        "would_allow": _jsons(verdict.would_allow),
        "remove_first": _jsons(verdict.remove_first),
        "blocked": verdict.blocked or None,
        "parts": [
            {
                "why": part.why,
                "question": str(part.decision.question),
                "allowed": part.decision.allowed,
                "rule": part.decision.rule.value,
                "reason": part.decision.reason,
                "decided_by": _json_or_none(part.decision.decided_by),
            }
            for part in verdict.parts
        ],
    }


def _finding(each: Finding) -> dict[str, Any]:
    return {
        "kind": each.kind.value,
        "tone": each.tone.value,
        "what": each.what,
        "hint": each.hint,
        "acls": _jsons(each.acls),
        "blocked": each.blocked or None,
    }


def _jsons(acls: Iterable[Acl]) -> list[dict[str, Any]]:
    return [dict(to_json(acl)) for acl in acls]


def _json_or_none(acl: Acl | None) -> dict[str, Any] | None:
    return None if acl is None else dict(to_json(acl))
