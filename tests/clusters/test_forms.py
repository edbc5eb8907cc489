"""Forms about brokers: what is refused comes back with what was chosen."""

from __future__ import annotations

import pytest
from django.test import Client

from controlplane.accounts.models import User
from controlplane.clusters.models import Cluster
from controlplane.core.access import Role

pytestmark = pytest.mark.django_db


def test_a_broker_that_cannot_be_removed_comes_back_to_its_form(
    users: dict[Role, User], cluster: Cluster
) -> None:
    client = Client()
    client.force_login(users[Role.ADMIN])
    answer = client.post("/clusters/main/brokers/1/remove/", {"move_replicas": "on", "delete_data": "on"})
    assert answer.status_code == 422
    form = answer.context["form"]
    assert form.errors
    assert form["delete_data"].value() is True
    assert "Back to the form" not in answer.content.decode()
