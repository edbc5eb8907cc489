"""Every failure has a status, a stable code, and says what to do."""

from __future__ import annotations

import pytest
from django.http import Http404
from rest_framework import exceptions as drf

from controlplane.core import errors as app
from controlplane.core.plans import Refusal
from controlplane.core.problem import problem_of
from controlplane.gateways import errors as gateway

CASES = [
    (app.NotFound("no such topic"), 404, "not_found"),
    (app.Forbidden("not you"), 403, "forbidden"),
    (app.Invalid(fields={"name": ["too long"]}), 422, "invalid"),
    (app.StateChanged("moved", etag="abc"), 412, "state_changed"),
    (app.PreconditionRequired(etag="abc"), 428, "precondition_required"),
    (app.Refused([Refusal("internal", "internal topic", "leave it")]), 422, "refused"),
    (app.NotVerified("not seen"), 502, "not_verified"),
    (gateway.Unreachable("gone"), 503, "unreachable"),
    (gateway.DeadlineExceeded("slow"), 504, "deadline_exceeded"),
    (gateway.NotAuthorized("no"), 502, "not_authorized"),
    (gateway.AuthenticationFailed("who"), 502, "authentication_failed"),
    (gateway.NotFound("none"), 404, "not_found"),
    (gateway.AlreadyExists("there"), 409, "already_exists"),
    (gateway.InvalidRequest("bad"), 422, "invalid_request"),
    (gateway.RefusedHere("bad"), 422, "invalid_request"),
    (gateway.Conflict("busy"), 409, "conflict"),
    (gateway.Unsupported("old"), 422, "unsupported"),
    (gateway.NotEnoughReplicas("few"), 503, "not_enough_replicas"),
    (gateway.TargetRefused("inside"), 422, "target_refused"),
    (gateway.BadAnswer("what"), 502, "bad_answer"),
    (drf.NotAuthenticated(), 401, "not_authenticated"),
    (drf.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
    (drf.ValidationError({"configs": {"retention.ms": ["not a number"]}}), 422, "invalid"),
    (Http404(), 404, "not_found"),
]


@pytest.mark.parametrize(("error", "status", "code"), CASES, ids=[type(c[0]).__name__ for c in CASES])
def test_each_error_has_its_status_and_code(error: Exception, status: int, code: str) -> None:
    problem = problem_of(error)
    assert problem is not None
    assert (problem.status, problem.code) == (status, code)
    body = problem.to_json()
    assert body["type"] == f"urn:kastellan:problem:{code}"
    assert body["detail"]


def test_nested_validation_errors_name_the_field_by_its_path() -> None:
    problem = problem_of(drf.ValidationError({"configs": {"retention.ms": ["not a number"]}}))
    assert problem is not None
    assert problem.extra["errors"] == {"configs.retention.ms": ["not a number"]}


def test_every_class_of_the_gateway_is_mapped() -> None:
    def below(kind: type[gateway.GatewayError]) -> set[type[gateway.GatewayError]]:
        return {kind}.union(*(below(each) for each in kind.__subclasses__()))

    for kind in below(gateway.GatewayError):
        assert problem_of(kind("what", "hint")) is not None


def test_what_nobody_raised_on_purpose_stays_a_500() -> None:
    assert problem_of(RuntimeError("bug")) is None


def test_what_no_cluster_was_asked_for_is_not_blamed_on_one() -> None:
    problem = problem_of(gateway.RefusedHere("'x' are no Maven coordinates"))
    assert problem is not None
    assert problem.title == "It cannot be done"
