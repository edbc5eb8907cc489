"""A refused change of a topic comes back to its form, with the reason at the field and all values kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from django.test import Client

from controlplane.accounts.models import User
from controlplane.audit.models import Operation
from controlplane.clusters.models import Cluster
from controlplane.core.access import Role
from controlplane.core.plans import Refusal
from controlplane.gateways.errors import Unreachable
from controlplane.topics import services, views

pytestmark = pytest.mark.django_db
NEW = "/clusters/main/topics/+new/"


@pytest.fixture
def otto(users: dict[Role, User], cluster: Cluster) -> Client:
    client = Client()
    client.force_login(users[Role.OPERATOR])
    return client


@pytest.fixture
def topic(make_topic: Callable[..., str], prefix: str) -> str:
    return make_topic(f"{prefix}-orders", 3)


def wanted(name: str, **changed: str) -> dict[str, str]:
    return {
        "name": name,
        "partitions": "3",
        "replication_factor": "3",
        "configs": "segment.bytes=104857600",
        **changed,
    }


def test_a_name_that_is_taken_stands_at_the_name(otto: Client, topic: str) -> None:
    answer = otto.post(NEW, wanted(topic))
    assert answer.status_code == 422
    assert "exists already" in str(answer.context["form"].errors["name"])
    text = answer.content.decode()
    assert f'value="{topic}"' in text
    assert "segment.bytes=104857600" in text
    assert "Apply" not in text
    assert Operation.objects.get(action="topic.create").outcome == "refused"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"replication_factor": "9"}, "replication_factor"),
        ({"partitions": "20000"}, "partitions"),
        ({"min_insync_replicas": "4"}, "min_insync_replicas"),
        ({"configs": "retention.ms=soon"}, "__all__"),
    ],
)
def test_each_refusal_has_its_place(otto: Client, prefix: str, changed: dict[str, str], field: str) -> None:
    answer = otto.post(NEW, wanted(f"{prefix}-new", **changed))
    assert answer.status_code == 422
    assert field in answer.context["form"].errors


def test_a_cluster_that_does_not_answer_costs_nothing_that_was_typed(
    otto: Client, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*args: object, **kwargs: object) -> None:
        raise Unreachable("No broker answers", "Are they running?")

    monkeypatch.setattr(services, "plan_create", silent)
    answer = otto.post(NEW, wanted(f"{prefix}-new"))
    assert answer.status_code == 503
    text = answer.content.decode()
    assert "No broker answers. Are they running?" in text
    assert f'value="{prefix}-new"' in text


def test_a_failure_while_applying_comes_back_too(
    otto: Client, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = otto.post(NEW, wanted(f"{prefix}-new")).context["plan"]

    def silent(*args: object, **kwargs: object) -> None:
        raise Unreachable("No broker answers", "Are they running?")

    monkeypatch.setattr(services, "apply_create", silent)
    answer = otto.post(NEW, {**wanted(f"{prefix}-new"), "digest": plan.digest})
    assert answer.status_code == 503
    assert f'value="{prefix}-new"' in answer.content.decode()


def test_a_refused_setting_keeps_the_value_typed_in_its_row(otto: Client, topic: str) -> None:
    path = f"/clusters/main/topics/{topic}/settings/alter/"
    answer = otto.post(path, {"config": "retention.ms", "value": "a week"})
    text = answer.content.decode()
    assert answer.status_code == 422
    assert answer.context["entries"][0].name == "retention.ms"
    assert 'value="a week"' in text
    assert 'id="config-error"' in text


def test_the_form_of_a_setting_opens_again_with_its_value(otto: Client, topic: str) -> None:
    path = f"/clusters/main/topics/{topic}/settings/alter/"
    answer = otto.post(path, {"config": "retention.ms", "value": "3600000", "edit": "1"})
    assert answer.status_code == 200
    assert 'value="3600000"' in answer.content.decode()
    followed = otto.get(f"{path}?search=retention")
    assert followed.headers["Location"] == f"/clusters/main/topics/{topic}/settings/?search=retention"


def test_fewer_partitions_stand_at_the_number(otto: Client, topic: str) -> None:
    answer = otto.post(f"/clusters/main/topics/{topic}/add-partitions/", {"partitions": "2"})
    assert answer.status_code == 422
    assert "would not be more" in str(answer.context["form"].errors["partitions"])


def test_the_plan_of_a_deletion_can_be_opened_by_its_address(otto: Client, topic: str) -> None:
    answer = otto.get(f"/clusters/main/topics/{topic}/delete/")
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "It cannot be undone." in text
    assert f"Delete {topic}" in text
    assert not Operation.objects.filter(action="topic.delete").exists()


def test_a_refused_plan_promises_nothing(otto: Client, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = Refusal("internal", "It is one of Kafka's internal topics", "Kafka manages it.")
    plan = replace(services.plan_delete(Cluster.objects.get(), topic), refusals=(refused,))
    monkeypatch.setattr(services, "plan_delete", lambda *args: plan)
    answer = otto.post(f"/clusters/main/topics/{topic}/delete/")
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "Refused: It is one of Kafka&#x27;s internal topics" in text
    for promise in ("<h3>Risk</h3>", "To undo it", "kafka-topics.sh", "$URL/api", 'name="digest"'):
        assert promise not in text


def test_a_view_without_the_walk_still_shows_why_and_the_way_back(
    otto: Client, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "filled", lambda request, form, page, review: form.is_valid() and review())
    answer = otto.post(NEW, wanted(topic))
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "exists already" in text
    assert "Back to the form" in text
    assert 'name="digest"' not in text
