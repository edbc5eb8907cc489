"""`/` leads to the cluster that was looked at last, and at first to the installation's own, not to the first by alphabet."""

from __future__ import annotations

import pytest

from controlplane.clusters.models import Cluster
from controlplane.core.access import Role
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db


def test_the_first_page_is_of_the_first_cluster_then_of_the_last_one_looked_at() -> None:
    for name in ("dr", "main"):
        Cluster.objects.get_or_create(name=name, defaults={"title": name})
    browser = signed_in(Role.ADMIN)
    assert browser.get("/")["Location"] == "/clusters/main/"
    session = browser.session
    session["cluster"] = "dr"
    session.save()
    assert browser.get("/")["Location"] == "/clusters/dr/"
