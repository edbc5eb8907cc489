"""The OpenAPI document covers every route of the API, and the reference page shows every operation under the CSP."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest

from controlplane.config.api_views import schema_document
from controlplane.config.reference import groups
from controlplane.core.access import Role
from controlplane.core.rest import ApiView
from tests.web.matrix import routes
from tests.web.people import api, signed_in

pytestmark = pytest.mark.django_db
#: A page for people, not an operation.
PAGES = {"api:docs"}


def in_openapi(pattern: str) -> str:
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", pattern)


def test_it_covers_every_route() -> None:
    wanted = {in_openapi(r.pattern) for r in routes() if r.is_api and r.name not in PAGES}
    assert wanted == set(schema_document()["paths"])


def test_every_operation_has_an_id_a_summary_and_problem_answers() -> None:
    ids = []
    for path, methods in schema_document()["paths"].items():
        for method, operation in methods.items():
            if method == "parameters":
                continue
            ids.append(operation["operationId"])
            assert "401" in operation["responses"], path
            problem = operation["responses"]["403"]["content"]["application/problem+json"]
            assert problem["schema"]["$ref"].endswith("/Problem")
            if method == "post":
                assert any(p["name"] == "Idempotency-Key" for p in operation["parameters"]), path
    assert len(ids) == len(set(ids))


def described() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in schema_document()["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def test_no_parameter_is_listed_twice() -> None:
    for name, operation in described():
        found = [(each["in"], each["name"]) for each in operation.get("parameters", ())]
        assert len(found) == len(set(found)), name


def test_no_operation_is_described_with_the_words_of_its_base_class() -> None:
    for name, operation in described():
        assert "self." not in operation.get("description", ""), name
        assert operation.get("description") != inspect.cleandoc(ApiView.__doc__ or ""), name


def test_operations_are_grouped_by_domain() -> None:
    tags = {operation["tags"][0] for _, operation in described()}
    assert {
        "acls", "alerts", "brokers", "certificates", "clusters", "connect", "groups", "jobs", "kafka users", "metrics", "operations",
        "quotas", "records", "replication", "service accounts", "tokens", "topics", "users", "about",
    } == tags  # fmt: skip


def test_every_body_has_an_example_that_its_own_schema_takes() -> None:
    schemas = schema_document()["components"]["schemas"]
    for name, operation in described():
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body is None:
            continue
        assert body.get("examples"), name
        known = schemas[body["schema"]["$ref"].rpartition("/")[2]]
        for example in body["examples"].values():
            assert example["value"].keys() <= known["properties"].keys(), name
            assert set(known.get("required", ())) <= example["value"].keys(), name


def test_the_document_is_made_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    """Such as two components of one name, of which one would be lost."""
    schema_document.cache_clear()
    schema_document()
    assert "Warning" not in capsys.readouterr().err


def test_it_is_openapi_3_1_in_json_and_yaml() -> None:
    client = api(Role.VIEWER)
    assert client.get("/api/v1/schema/").json()["openapi"].startswith("3.1")
    assert client.get("/api/v1/schema/?format=yaml").content.startswith(b"openapi: 3.1")


def test_the_reference_shows_every_operation() -> None:
    page = signed_in(Role.VIEWER).get("/api/v1/docs/").content.decode()
    operations = [o for group in groups(schema_document(), "http://x") for o in group.operations]
    assert len(operations) > 10
    for operation in operations:
        assert f'id="{operation.id}"' in page
    assert "<style" not in page
    assert " style=" not in page
    assert "onclick" not in page


def test_an_example_that_was_given_is_the_one_that_is_shown() -> None:
    operations = {o.id: o for group in groups(schema_document(), "http://x") for o in group.operations}
    made = operations["create_token"]
    assert '"topic.create"' in made.body
    assert made.curl.startswith("curl -sS -X POST")


@pytest.mark.parametrize("path", ["/api/v1/nothing/", "/api/v1/jobs/not-a-uuid/", "/api/v1/users/nobody/"])
def test_what_does_not_exist_is_a_problem(path: str) -> None:
    answer = api(Role.ADMIN).get(path)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]


def test_a_method_that_does_not_exist_is_a_problem() -> None:
    answer = api(Role.ADMIN).delete("/api/v1/operations/")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.json()["title"] == "Method not allowed"


def test_a_body_that_is_not_json_is_a_problem() -> None:
    answer = api(Role.ADMIN).post("/api/v1/users/", "{", content_type="application/json")
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
    answer = api(Role.ADMIN).post("/api/v1/users/", "a=1", content_type="application/x-www-form-urlencoded")
    assert (answer.status_code, answer.json()["title"]) == (415, "Unsupported media type")


def test_a_misspelt_field_is_not_silently_ignored() -> None:
    answer = api(Role.ADMIN).post("/api/v1/users/", {"username": "kim", "role": "admin"}, format="json")
    assert answer.status_code == 422
    assert answer.json()["errors"] == {"role": ["There is no such field."]}


def test_the_root_says_who_one_is() -> None:
    found = api(Role.OPERATOR).get("/api/v1/").json()
    assert (found["actor"], found["kind"], found["roles"]) == ("otto/test", "token", {"*": "operator"})
