"""AP-6: every operation, generated requests, all checks. 20 examples each, 8 where a cluster has to answer, 200 with --all.

The few are the same ones each time, so that a failure in CI is a failure of the change; the 200 are others each time.

Operations on clusters are sent to a real one: half of the requests name it, the others name what was generated.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.core.result import Ok

from controlplane.accounts.models import User
from controlplane.clusters.models import Cluster
from controlplane.core.access import Role
from tests.web.people import person, token_text

pytestmark = pytest.mark.django_db(transaction=True)
#: Operations on clusters talk to Kafka; they are fuzzed with a real one elsewhere.
WITH_KAFKA = r"^/api/v1/clusters/"
#: Changes that would outlive the test, a default quota of 1 B/s for all other tests above all, are fuzzed as dry runs.
ONLY_PLANNED = ("/quotas/", "/users/")
FEW, FEW_WITH_KAFKA, MANY = 20, 8, 200
#: A request of the right shape may still be refused with reasons: 422 then, or 412 and 428 for conditions. Prometheus'
#: own protocol says 400 to a parameter that it cannot read; tests/metrics holds its statuses against a real one.
CONFIG = {
    "checks": {
        "positive_data_acceptance": {
            "expected-statuses": ["2xx", "400", "401", "403", "404", "409", "412", "422", "428"],
        }
    }
}


def fuzz(examples: int, mode: schemathesis.GenerationMode, *, kafka: bool = False) -> int:
    """How many requests were sent; the first that does not meet the document fails the test."""
    person(Role.ADMIN, name="grace")
    headers = {"Authorization": f"Token {token_text(Role.ADMIN)}"}
    schema = schemathesis.openapi.from_wsgi(
        "/api/v1/schema/",
        get_wsgi_application(),
        config=schemathesis.Config.from_dict(CONFIG),
        headers=headers,
    )
    sent = 0
    chosen = schema.include(path_regex=WITH_KAFKA) if kafka else schema.exclude(path_regex=WITH_KAFKA)
    for result in chosen.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()

        @settings(
            max_examples=examples,
            derandomize=examples != MANY,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def check(case: Any) -> None:
            nonlocal sent
            sent += 1
            # Some requests disable the very user who sends them.
            User.objects.update(is_active=True)
            if kafka and sent % 2 and "cluster" in (case.path_parameters or {}):
                case.path_parameters["cluster"] = "main"
            if kafka and case.method != "GET" and any(part in case.path for part in ONLY_PLANNED):
                case.query = {**(case.query or {}), "dry_run": "true"}
            case.call_and_validate(headers=headers)

        # An operation without parameters and body has nothing to get wrong.
        with suppress(Unsatisfiable):
            check()
    return sent


MODES = list(schemathesis.GenerationMode)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("mode", MODES)
def test_generated_requests_meet_the_document(mode: schemathesis.GenerationMode) -> None:
    assert fuzz(FEW, mode) > 100


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("mode", MODES)
def test_many_generated_requests_meet_the_document(mode: schemathesis.GenerationMode) -> None:
    assert fuzz(MANY, mode) > 1000


@pytest.mark.timeout(900)
@pytest.mark.parametrize("mode", MODES)
def test_generated_requests_to_a_real_cluster_meet_the_document(
    cluster: Cluster, mode: schemathesis.GenerationMode
) -> None:
    assert fuzz(FEW_WITH_KAFKA, mode, kafka=True) > 100


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("mode", MODES)
def test_many_generated_requests_to_a_real_cluster_meet_the_document(
    cluster: Cluster, mode: schemathesis.GenerationMode
) -> None:
    assert fuzz(MANY, mode, kafka=True) > 1000
