"""Producing in the browser: a mistake comes back with all that was typed, the plan is seen before anything is sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from controlplane.accounts.models import User
from controlplane.audit.models import Operation
from controlplane.core.access import Role
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.records.forms import ProduceForm
from controlplane.records.logic.plans import NewRecord, Target, plan_produce, produce_call

pytestmark = pytest.mark.django_db
TYPED = {"key": "k-1", "value": '{"total": 9.5}', "headers": "source=shop"}


@pytest.fixture
def otto(users: dict[Role, User]) -> Client:
    client = Client()
    client.force_login(users[Role.OPERATOR])
    return client


@pytest.fixture
def produce_url(make_topic: Callable[..., str], prefix: str) -> str:
    return f"/clusters/main/topics/{make_topic(f'{prefix}-orders', 3)}/messages/produce/"


def test_a_partition_that_is_not_there_comes_back_at_its_field_with_everything_kept(
    otto: Client, produce_url: str
) -> None:
    answer = otto.post(produce_url, {**TYPED, "partition": "99"})
    form: ProduceForm = answer.context["form"]
    assert answer.status_code == 422
    assert "It has 3: 0 to 2." in str(form.errors["partition"])
    text = answer.content.decode()
    for kept in ('value="k-1"', "{&quot;total&quot;: 9.5}", "source=shop", 'value="99"'):
        assert kept in text


def test_the_plan_says_where_how_large_and_in_which_encoding_and_nothing_is_sent_yet(
    otto: Client, produce_url: str, gateway: KafkaGateway, prefix: str
) -> None:
    answer = otto.post(produce_url, {**TYPED, "partition": "2"})
    text = answer.content.decode()
    assert answer.status_code == 200
    for said in (
        "14 bytes, JSON in UTF-8",
        "3 bytes, text in UTF-8",
        "1, 10 bytes",
        "a record cannot be taken back",
        "Produce 1 record",
        "/records/",
    ):
        assert said in text
    assert not Operation.objects.filter(action="topic.produce").exists()

    plan = answer.context["plan"]
    sent = otto.post(produce_url, {**TYPED, "partition": "2", "digest": plan.digest}, follow=True)
    assert "Produced to partition 2 at offset 0" in sent.content.decode()


def test_what_was_typed_is_in_the_form_again_when_the_plan_is_not_wanted(
    otto: Client, produce_url: str
) -> None:
    text = otto.post(produce_url, {**TYPED, "edit": "1"}).content.decode()
    assert 'value="k-1"' in text
    assert "source=shop" in text


def test_the_contents_are_in_no_audit_row(otto: Client, produce_url: str) -> None:
    plan = otto.post(produce_url, TYPED).context["plan"]
    otto.post(produce_url, {**TYPED, "digest": plan.digest})
    otto.post(produce_url, {**TYPED, "partition": "99"})
    rows = Operation.objects.filter(action="topic.produce")
    assert {row.outcome for row in rows} == {"succeeded", "refused"}
    for row in rows:
        assert "9.5" not in f"{row.plan}{row.details}{row.error}"


def test_the_api_says_the_same_in_its_dry_run(
    otto: Client, produce_url: str, api: Callable[..., object]
) -> None:
    seen = otto.post(produce_url, {**TYPED, "partition": "2"}).context["plan"].to_json()
    topic = produce_url.split("/")[4]
    record = {"key": "k-1", "value": TYPED["value"], "headers": {"source": "shop"}, "partition": 2}
    body = {"records": [record]}
    found = api(Role.OPERATOR)("POST", f"clusters/main/topics/{topic}/records/?dry_run=true", body).json()  # type: ignore[operator]
    assert found["steps"] == seen["steps"]
    assert (found["digest"], found["risk"], found["undo"]) == (seen["digest"], seen["risk"], seen["undo"])
    assert seen["api"] == {"method": "POST", "path": f"clusters/main/topics/{topic}/records/", "body": body}


def test_a_topic_that_is_gone_by_now_keeps_what_was_typed(otto: Client, cluster: object) -> None:
    answer = otto.post("/clusters/main/topics/never-there/messages/produce/", TYPED)
    assert answer.status_code == 404
    assert "k-1" in answer.content.decode()


TARGET = Target("orders", "id", 1, internal=False)


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (NewRecord(None, b"x"), {"partition": "any: there is no key", "key": "none"}),
        (NewRecord(b"k", b""), {"value": "0 bytes", "partition": "by the key (murmur2, as Java clients do)"}),
        (NewRecord(b"k", None), {"value": "null: a tombstone, deletes its key in a compacted topic"}),
        (NewRecord(b"\xff\x00", b"x"), {"key": "2 bytes, binary"}),
        (NewRecord(b"k", "é".encode()), {"value": "2 bytes, text in UTF-8"}),
    ],
)
def test_the_facts_of_one_record(record: NewRecord, said: dict[str, str]) -> None:
    (step,) = plan_produce([record], TARGET, cluster="main").steps
    facts = {change.field: change.after for change in step.changes}
    assert said.items() <= facts.items()


def test_a_refused_partition_of_a_topic_with_one() -> None:
    (refusal,) = plan_produce([NewRecord(b"k", b"v", partition=1)], TARGET, cluster="main").refusals
    assert (refusal.code, refusal.hint) == (
        "partition",
        "It has one: 0. Leave the partition out to go by the key.",
    )


@pytest.mark.parametrize(
    "record", [NewRecord(b"\xff", b"v"), NewRecord(b"k", b"v", (("a", b"1"), ("a", b"2")))]
)
def test_what_json_cannot_say_has_no_request_to_copy(record: NewRecord) -> None:
    assert produce_call([record], cluster="main", topic="orders") is None
