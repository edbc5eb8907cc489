"""A job's page leads back to where it was asked for, and says in words what it found."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from django.utils.module_loading import import_string

from controlplane.audit.models import Operation
from controlplane.core.access import Role
from controlplane.jobs.models import Job
from controlplane.jobs.pages import JobPage
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("kind", settings.JOB_PLACES)
def test_a_job_belongs_to_a_page(kind: str) -> None:
    assert kind in settings.JOB_KINDS
    args = {"run": 1, "source": "main", "target": "dr"}
    label, path = import_string(settings.JOB_PLACES[kind])(Job(kind=kind, cluster="main", args=args))
    assert label
    assert path.startswith("/clusters/")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (True, "yes"),
        (None, "unknown"),
        (1234, "1,234"),
        ([], "none"),
        ("", "none"),
        (["LITERAL orders", "x"], "LITERAL orders, x"),
        (list("abcdefghij"), "a, b, c, d, e, f, g, h and 2 more"),
        ({"a": 1}, "a 1"),
    ],
)
def test_a_result_is_told_in_words(value: Any, words: str) -> None:
    page = JobPage(Job(result={"source_answers": value, "page": "/x/"}), False, Operation.objects.none())
    assert page.result == (("source answers", words),)


def test_its_page_has_the_way_back() -> None:
    job = Job.objects.create(
        kind="brokers.roll",
        title="Roll",
        cluster="main",
        state="succeeded",
        actor={},
        actor_name="a",
        created_at=timezone.now(),
        result={"rolled": True},
    )
    page = signed_in(Role.ADMIN).get(f"/jobs/{job.pk}/").content.decode()
    assert "Back to Brokers" in page
    assert "/clusters/main/brokers/" in page
    assert "<td>yes</td>" in page
