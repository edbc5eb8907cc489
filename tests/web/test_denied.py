"""Who may not is told what it takes and who has it, and is not invited to try again."""

from __future__ import annotations

import pytest

from controlplane.clusters.models import Cluster
from controlplane.core.access import Role
from tests.web.people import api, person, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _people(cluster_row: Cluster) -> None:
    for role in (Role.VIEWER, Role.OPERATOR, Role.ADMIN):
        person(role)
    person(Role.ADMIN, cluster="other", name="olga")
    person(Role.ADMIN, name="gone").__class__.objects.filter(username="gone").update(is_active=False)


def test_a_page_says_the_act_the_role_and_who_has_it() -> None:
    answer = signed_in(Role.VIEWER).get("/clusters/main/topics/+new/")
    text = answer.content.decode()
    assert answer.status_code == 403
    assert "topic.create" in text
    assert "The role <strong>operator</strong> on main or on every cluster allows" in text
    assert "<strong>ada</strong>" in text
    assert "<strong>otto</strong>" in text
    assert "olga" not in text
    assert "gone" not in text
    assert "Try again" not in text


def test_what_concerns_the_installation_needs_a_role_everywhere() -> None:
    text = signed_in(Role.OPERATOR).get("/settings/users/").content.decode()
    assert "The role <strong>admin</strong> on every cluster allows" in text
    assert "Who has it: <strong>ada</strong>" in text


def test_the_api_names_the_role_that_is_needed() -> None:
    answer = api(Role.VIEWER).post("/api/v1/clusters/main/topics/", {"name": "x"}, format="json")
    assert answer.status_code == 403
    assert answer.json()["needs"] == {"action": "topic.create", "role": "operator", "cluster": "main"}


def test_who_sees_no_cluster_learns_no_names() -> None:
    answer = signed_in(None).get("/settings/users/")
    assert answer.status_code == 403
    assert "ada" not in answer.content.decode()


def test_a_missing_page_is_not_tried_again() -> None:
    text = signed_in(Role.VIEWER).get("/clusters/main/nothing/").content.decode()
    assert "Try again" not in text


def test_where_only_a_form_leads_a_visit_is_answered_with_a_page() -> None:
    """A reload, or a login in between, makes a GET of what was a POST."""
    answer = signed_in(Role.ADMIN).get("/clusters/main/quotas/delete/")
    text = answer.content.decode()
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"
    assert "only answers to POST" in text
    assert "open its page again" in text
