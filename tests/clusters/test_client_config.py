"""Generated client configuration: nothing that a person types can become a property, a line or code (WS-12)."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.clusters.logic.client_config import (
    PROPERTIES,
    CertificateLogin,
    Endpoint,
    Login,
    ScramLogin,
    client_files,
    jaas,
    properties_text,
    snippets,
)

ENDPOINT = Endpoint(
    "127.0.0.1:9093,127.0.0.1:9103", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
)
#: What the users' and certificates' plans let through: no control character, no blank at an end.
TEXT = (
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40)
    .map(str.strip)
    .filter(bool)
)
SCRAM = st.builds(ScramLogin, TEXT, TEXT, st.sampled_from(["SCRAM-SHA-256", "SCRAM-SHA-512"]))


def properties(text: str) -> dict[str, str]:
    """As java.util.Properties reads it, for the escapes that we write."""
    found = {}
    for line in text.splitlines():
        key, _, value = line.partition("=")
        found[key] = (
            value.encode("latin-1")
            .decode("unicode_escape")
            .encode("utf-16", "surrogatepass")
            .decode("utf-16")
        )
    return found


@given(SCRAM)
def test_a_java_file_holds_only_our_keys_and_gives_back_the_very_password(login: ScramLogin) -> None:
    read = properties(client_files(ENDPOINT, login)["client.properties"])
    assert set(read) <= PROPERTIES
    assert read["sasl.jaas.config"] == jaas(login.username, login.password)
    assert read["ssl.truststore.certificates"] == ENDPOINT.ca_pem


@given(SCRAM)
def test_a_jaas_line_has_one_module_and_one_end(login: ScramLogin) -> None:
    rest, inside, escaped, ends = jaas(login.username, login.password), False, False, 0
    for char in rest:
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == '"':
            inside = not inside
        elif char == ";" and not inside:
            ends += 1
    assert (inside, ends) == (False, 1)


@given(SCRAM)
def test_kcats_file_has_one_line_a_key_and_only_our_keys(login: ScramLogin) -> None:
    lines = [line for line in client_files(ENDPOINT, login)["kcat.conf"].split("\n")[:-1] if line[0] != "#"]
    assert {line.partition("=")[0] for line in lines} <= PROPERTIES
    assert f"sasl.password={login.password}" in lines


@given(SCRAM)
def test_the_python_files_are_python_with_the_values_as_plain_strings(login: ScramLogin) -> None:
    for name, text in client_files(ENDPOINT, login).items():
        if name.endswith(".py"):
            strings = {n.value for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Constant)}
            assert {login.username, login.password} <= strings


@pytest.mark.parametrize(
    "login",
    [ScramLogin("ann", "hunter2-hunter2"), CertificateLogin("CHAIN\n", "KEY\n"), CertificateLogin("CHAIN\n")],
    ids=["scram", "certificate", "csr"],
)
def test_snippets_never_carry_a_secret(login: Login) -> None:
    for text in snippets(ENDPOINT, login).values():
        assert "hunter2" not in text
        assert "KEY" not in text.replace("KEYSTORE", "").replace("KAFKA_PASSWORD", "")


def test_a_key_that_never_left_its_owner_is_asked_for_as_a_file() -> None:
    files = client_files(ENDPOINT, CertificateLogin("CHAIN\n"))
    assert "key.pem" not in files
    assert properties(files["client.properties"])["ssl.keystore.location"] == "keystore.pem"


def test_an_unknown_key_cannot_be_written() -> None:
    with pytest.raises(ValueError, match=r"interceptor\.classes"):
        properties_text({"interceptor.classes": "x"})
