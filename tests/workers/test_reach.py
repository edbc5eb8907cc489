"""Registered connections as settings of Java clients: no secret in them, and JAAS lines that cannot be broken out of."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.gateways.kafka.security import KafkaConnection, Plaintext, PlainTls, ScramTls, Security, Tls
from controlplane.workers.logic.reach import Reach, reach

SECRET = "s3cr3t-value"


def reached(security: Security) -> Reach:
    return reach(KafkaConnection("a:1,b:2", security), lambda name: f"${{file:/f:{name}}}")


@pytest.mark.parametrize(
    ("security", "protocol", "secrets"),
    [
        (Plaintext(), "PLAINTEXT", set()),
        (Tls(), "SSL", set()),
        (
            Tls(ca_pem="CA", cert_pem="CERT", key_pem=SECRET, key_password=SECRET),
            "SSL",
            {"source.key", "source.key-password"},
        ),
        (ScramTls("u", SECRET), "SASL_SSL", {"source.login"}),
        (PlainTls("u", SECRET, Tls(ca_pem="CA")), "SASL_SSL", {"source.login"}),
    ],
)
def test_secrets_are_references(security: Security, protocol: str, secrets: set[str]) -> None:
    found = reached(security)
    assert found.settings["security.protocol"] == protocol
    assert found.settings["bootstrap.servers"] == "a:1,b:2"
    assert set(found.secrets) == secrets
    assert SECRET not in str(found.settings)
    assert SECRET not in repr(found)
    for name in secrets:
        assert f"${{file:/f:{name}}}" in found.settings.values()


def test_a_file_stays_a_file_and_a_text_a_text() -> None:
    assert reached(Tls(cafile="/ca.pem")).settings["ssl.truststore.location"] == "/ca.pem"
    assert reached(Tls(ca_pem="PEM")).settings["ssl.truststore.certificates"] == "PEM"
    assert reached(Tls(check_hostname=False)).settings["ssl.endpoint.identification.algorithm"] == ""
    assert "ssl.endpoint.identification.algorithm" not in reached(Tls()).settings


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_no_password_breaks_out_of_its_line(username: str, password: str) -> None:
    line = reached(ScramTls(username, password)).secrets["source.login"]
    strings = re.findall(r'"((?:[^"\\]|\\.)*)"', line, re.DOTALL)
    assert [re.sub(r"\\(.)", r"\1", each, flags=re.DOTALL) for each in strings] == [username, password]
    assert line.endswith(";")
