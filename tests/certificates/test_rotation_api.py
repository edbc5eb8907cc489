"""The steps through the API and the pages on a real broker: conditions, roles, dry run, bad authorities, no key carried."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from broker import pki
from broker.pki import Purpose
from controlplane.audit.models import Operation
from controlplane.clusters.models import Cluster
from controlplane.core.access import Role
from controlplane.jobs import services as jobs
from controlplane.jobs.models import Job, JobState
from tests.conftest import Api
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db(transaction=True)
MakeApi = Callable[[Role], Api]
PATH = "clusters/lone/certificates/authorities/clients/rotation/"
PAGE = "/clusters/lone/certificates/authorities/clients/"


def company() -> tuple[str, str]:
    made = pki.create_hierarchy(Purpose.CLIENTS, "company", (), datetime.now(UTC))
    return made.issuing.certificate_pem + made.root.certificate_pem, made.issuing.key_pem


def finished(job_id: str) -> Job:
    jobs.run(job_id)
    job = Job.objects.get(pk=job_id)
    assert job.state == JobState.SUCCEEDED, (job.error, job.log)
    return job


def test_the_state_has_a_tag_that_a_step_needs_and_that_moves_with_it(lone: Cluster, api: MakeApi) -> None:
    call = api(Role.ADMIN)
    before = call("GET", PATH)
    assert before.status_code == 200, before.content
    assert before.json()["phase"] == "none"
    assert call("POST", PATH, {"step": "begin"}).status_code == 428
    dry = call("POST", f"{PATH}?dry_run=true", {"step": "begin"})
    assert dry.json()["allowed"] is True
    assert call("GET", PATH).json()["phase"] == "none"
    begun = call("POST", PATH, {"step": "begin"}, If_Match=before["ETag"])
    assert begun.status_code == 202, begun.content
    busy = call("POST", f"{PATH}?dry_run=true", {"step": "abandon"}).json()
    assert [refusal["code"] for refusal in busy["refusals"]] == ["busy"]
    finished(begun.json()["job"])
    stale = call("POST", PATH, {"step": "switch"}, If_Match=before["ETag"])
    assert stale.status_code == 412
    now = call("GET", PATH)
    assert now.json()["phase"] == "trust_new"
    (broker,) = now.json()["brokers"]
    # Whether it has restarted since its certificate changed is another test's doing, and counts for brokers' keys only.
    del broker["restarted_since"]
    assert broker == {
        "broker": 1,
        "running": True,
        "trusts_next": True,
        "presents_current": True,
        "trusts_leaving": None,
    }
    gone = call("POST", PATH, {"step": "abandon"}, If_Match=now["ETag"])
    finished(gone.json()["job"])
    assert call("GET", PATH).json()["phase"] == "none"


def test_an_authority_of_yours_is_the_one_that_was_planned_or_none(lone: Cluster, api: MakeApi) -> None:
    """The tag covers what was brought: neither the state's alone nor another authority's takes it."""
    call = api(Role.ADMIN)
    chain, key = company()
    plan = call("POST", f"{PATH}?dry_run=true", {"step": "begin", "chain": chain, "key": key})
    tag, said = plan["ETag"], str(plan.json()["steps"][0]["changes"])
    assert "CN=company clients issuing" in said
    assert "public key SHA-256" in said
    assert key.splitlines()[1] not in plan.content.decode()
    ours, other = ({"step": "begin", "chain": c, "key": k} for c, k in ((chain, key), company()))
    for body, stale in ((other, tag), (ours, call("GET", PATH)["ETag"])):
        assert call("POST", PATH, body, If_Match=stale).status_code == 412
    begun = call("POST", PATH, ours, If_Match=tag)
    assert begun.status_code == 202, begun.content
    finished(begun.json()["job"])
    following = call("GET", PATH).json()["following"]
    assert following["issuing"] == "CN=company clients issuing,O=Kastellan"
    page = signed_in(Role.ADMIN).get(PAGE).content.decode()
    assert "issues after the switch</td><td>CN=company clients issuing,O=Kastellan" in page
    assert "Presents its new certificate" not in page  # of brokers, whose authority is another
    gone = call("POST", PATH, {"step": "abandon"}, If_Match=call("GET", PATH)["ETag"])
    finished(gone.json()["job"])
    titles = [row.title for row in Operation.objects.filter(target="clients authority")]
    assert len(titles) == len(set(titles)) == 4, titles


def test_each_step_has_a_page_that_shows_its_plan(lone: Cluster) -> None:
    client = signed_in(Role.ADMIN)
    for step, title in (("switch", "Switch to"), ("finish", "Drop the"), ("abandon", "Abandon the")):
        answer = client.get(f"{PAGE}{step}/")
        assert answer.status_code == 200
        assert title in answer.content.decode()
    assert client.get(f"{PAGE}begin/")["Location"] == f"{PAGE}+begin/"
    assert client.get(f"{PAGE}jump/").status_code == 404


@pytest.mark.parametrize(
    ("key", "password", "field", "words"),
    [
        ("nonsense", "", "key", "private key cannot be read"),
        ("", "", "key", "Give the key of the certificate"),
        (company()[1], "x", "password", "is not encrypted, but a password was given"),
    ],
)
def test_what_is_wrong_with_the_key_stands_at_the_key(
    lone: Cluster, key: str, password: str, field: str, words: str
) -> None:
    form = {"source": "uploaded", "chain": company()[0], "key": key, "password": password}
    answer = signed_in(Role.ADMIN).post(f"{PAGE}+begin/", form)
    assert answer.status_code == 422
    text = answer.content.decode()
    at = text.partition(f'id="id_{field}_error"')[2].partition("</div>")[0]
    assert words in at
    assert text.count(words) == 1
    labels = dict(re.findall(r'<label for="id_(\w+)">(.*?)</label>', text))
    assert ["optional" in labels[name] for name in ("source", "chain", "key", "password")] == [
        False,
        False,
        False,
        True,
    ]


def test_only_an_admin_takes_a_step_and_everybody_may_look(lone: Cluster, api: MakeApi) -> None:
    assert api(Role.VIEWER)("GET", PATH).status_code == 200
    for role in (Role.VIEWER, Role.OPERATOR):
        assert api(role)("POST", PATH, {"step": "begin"}).status_code == 403
        assert api(role)("POST", PATH.replace("rotation", "request")).status_code == 403


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"step": "jump"}, "valid choice"),
        ({"step": "switch", "chain": "x"}, "Only 'begin' takes an authority"),
        ({"step": "begin", "key": "x"}, "A key needs its certificate"),
        ({"step": "begin", "chain": "nonsense", "key": "nonsense"}, "private key cannot be read"),
        ({"step": "begin", "chain": "nonsense"}, "certificates cannot be read"),
    ],
)
def test_bad_input_says_what_is_wrong(lone: Cluster, api: MakeApi, body: dict[str, str], words: str) -> None:
    answer = api(Role.ADMIN)("POST", PATH, body)
    assert answer.status_code in (400, 422), answer.content
    assert words in answer.content.decode()


def test_an_unknown_authority_does_not_exist(lone: Cluster, api: MakeApi) -> None:
    assert api(Role.ADMIN)("GET", PATH.replace("clients", "servers")).status_code == 404


def test_the_page_shows_the_runbook_and_the_review_carries_no_key(lone: Cluster) -> None:
    client = signed_in(Role.ADMIN)
    page = client.get(PAGE).content.decode()
    assert "Trust the new authority" in page
    chain, key = company()
    review = client.post(f"{PAGE}+begin/", {"source": "uploaded", "chain": chain, "key": key})
    assert review.status_code == 200, review.content
    text = review.content.decode()
    assert "PRIVATE KEY" not in text
    assert key.splitlines()[1] not in text
    assert "company clients root" in text
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', text))
    assert set(fields) >= {"source", "chain", "sealed_key", "digest"}
    fields.pop("csrfmiddlewaretoken", None)
    assert "CN=admin is a super user" in text
    unnamed = client.post(f"{PAGE}+begin/", {**fields, "chain": chain})
    assert unnamed.status_code == 422
    done = client.post(f"{PAGE}+begin/", {**fields, "chain": chain, "confirm": "clients authority"})
    assert done.status_code == 303, done.content
    job = Job.objects.get()
    assert "PRIVATE" not in str(job.args)
    finished(str(job.pk))
    gone = client.post(f"{PAGE}abandon/")
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', gone.content.decode()))
    assert client.post(f"{PAGE}abandon/", {"digest": fields["digest"]}).status_code == 303
    finished(str(Job.objects.order_by("-created_at")[0].pk))


def test_a_key_without_its_certificate_is_told_on_the_form(lone: Cluster) -> None:
    client = signed_in(Role.ADMIN)
    _, key = company()
    chain, _ = company()
    answer = client.post(f"{PAGE}+begin/", {"source": "uploaded", "chain": chain, "key": key})
    assert answer.status_code == 422
    assert "no certificate belongs to the private key" in answer.content.decode()


def test_our_request_is_handed_out_and_its_key_is_not(lone: Cluster) -> None:
    answer = signed_in(Role.ADMIN).post(f"{PAGE}request.csr")
    assert answer.content.startswith(b"-----BEGIN CERTIFICATE REQUEST")
    assert "lone-clients.csr" in answer["Content-Disposition"]
