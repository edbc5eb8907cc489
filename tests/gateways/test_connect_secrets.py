"""What is secret in a connector's configuration, by table; masks, references, and masks that come back."""

from __future__ import annotations

import time

import pytest

from controlplane.gateways.connect_secrets import (
    MASK,
    is_secret,
    left_masked,
    mask,
    restored,
    scrubbed,
    secret_values,
)


@pytest.mark.parametrize(
    "name",
    [
        "database.password",
        "sasl.jaas.config",
        "source.cluster.sasl.jaas.config",
        "ssl.keystore.password",
        "ssl.keystore.key",
        "aws.secret.access.key",
        "azure.account.key",
        "api_key",
        "auth.token",
        "http.headers",
        "basic.auth.user.info",
        "value.converter.basic.auth.user.info",
        "value.converter.schema.registry.ssl.truststore.password",
        "key.converter.bearer.auth.token",
    ],
)
def test_it_is_secret(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "connection.url",
        "key.converter",
        "value.converter.schemas.enable",
        "ssl.keystore.location",
        "ssl.keystore.type",
        "value.converter.basic.auth.credentials.source",
        "key.ignore",
        "topics",
        "tasks.max",
    ],
)
def test_it_is_no_secret(name: str) -> None:
    assert not is_secret(name)


def test_secrets_are_hidden_and_references_shown() -> None:
    shown = mask(
        {
            "database.password": "hunter2",
            "sasl.jaas.config": "${file:/run/a.properties:login}",
            "connection.url": "jdbc:postgresql://me:hunter2@db/x?password=hunter2&ssl=true",
            "odd": "hunter2",
            "topics": "a,b",
        },
        secret=["odd"],
    )
    assert "hunter2" not in str(shown)
    assert shown["sasl.jaas.config"] == "${file:/run/a.properties:login}"
    assert shown["connection.url"] == f"jdbc:postgresql://{MASK}@db/x?password={MASK}&ssl=true"
    assert shown["topics"] == "a,b"


def test_a_secret_that_begins_like_a_reference_is_hidden() -> None:
    assert mask({"password": "${x:y}pa55word"}) == {"password": MASK}


@pytest.mark.parametrize(
    "text",
    [
        "cannot reach jdbc:mysql://root:pa55@db:3306/x",
        "jdbc:mysql://root:pa/55@more@db:3306/x",
        "jdbc:oracle:thin:scott/pa55@db:1521:x",
        "jdbc:sqlserver://db;user=sa;password=pa55;encrypt=true",
        "jdbc:sqlserver://db;user=sa;password={my pa55;wo}}rd};encrypt=true",
        "mongodb+srv://:pa55@db",
        "https://pa55@api.example.org/",
        'ScramLoginModule required username="me" password="pa55 word";',
        '{"password": "pa55"}',
        "Authorization: Basic bWU6cGE1NQpa55",
        "aws.secret.access.key = pa55",
    ],
)
def test_a_text_loses_what_a_driver_prints(text: str) -> None:
    assert "pa55" not in scrubbed(text)
    assert "word" not in scrubbed(text).replace("password", "")


@pytest.mark.parametrize(
    ("value", "inside"),
    [
        ("jdbc:postgresql://kim:Sup3rSecret@db.example.com/x", "Sup3rSecret"),
        ("jdbc:oracle:thin:scott/Sup3rSecret@db:1521:x", "Sup3rSecret"),
        ("jdbc:sqlserver://db;password={Sup3rSecret};encrypt=true", "Sup3rSecret"),
        ("mongodb://kim:Sup3rSecret@a,b/x", "Sup3rSecret"),
    ],
)
def test_a_password_in_an_address_is_known_by_itself(value: str, inside: str) -> None:
    """A driver says "invalid port number: Sup3rSecret@db", by which no pattern knows it."""
    assert inside in secret_values({"connection.url": value})
    assert secret_values({"connection.url": "jdbc:postgresql://db.example.com:5432/x?ssl=true"}) == ()


@pytest.mark.parametrize(
    ("name", "secret"),
    [("my.pass", True), ("pass", True), ("pass_phrase", True), ("bypass", False), ("passes", False)],
)
def test_what_is_called_pass_is_one(name: str, secret: bool) -> None:
    assert is_secret(name) is secret


def test_a_text_without_secrets_stays() -> None:
    text = (
        "java.lang.IllegalStateException: task 3 of a-b\n\tat com.Example.run(Example.java:7) http://h:80/x"
    )
    assert scrubbed(text) == text


def test_a_long_text_costs_little() -> None:
    started = time.monotonic()
    scrubbed("password" * 20_000 + "//a:" * 20_000)
    assert time.monotonic() - started < 5


def test_a_mask_that_comes_back_keeps_the_stored_secret() -> None:
    stored = {"password": "hunter2", "url": "db://me:hunter2@h/x", "topics": "a"}
    given = {**mask(stored), "topics": "b"}
    assert restored(given, stored) == {**stored, "topics": "b"}
    assert restored({"password": "new"}, stored) == {"password": "new"}


def test_a_mask_in_another_place_is_found() -> None:
    given = restored({"url": f"db://me:{MASK}@elsewhere/x", "other.password": MASK}, {"password": "hunter2"})
    assert left_masked(given) == ("other.password", "url")
