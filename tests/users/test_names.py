"""Names and passwords by table: what Kafka would take and what would bite later."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.clusters.logic.client_config import Endpoint, ScramLogin, client_files
from controlplane.users.logic.names import check_name, check_password
from controlplane.users.logic.saslprep import saslprep

GOOD = "correct-horse-9"


@pytest.mark.parametrize("name", ["orders-app", "a", "ann@example.org", "Team Payments", "a" * 200])
def test_a_usual_name_is_accepted(name: str) -> None:
    assert check_name(name) is None


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "name_empty"),
        ("a" * 201, "name_too_long"),
        ("a\nb", "name_control"),
        ("a\x00b", "name_control"),
        ("a\u200bb", "name_control"),
        ("a\u202eb", "name_control"),
        (" a", "name_blank"),
        ("a ", "name_blank"),
        ("*", "name_illegal"),
        ("User:a", "name_illegal"),
        ("a;User:admin", "name_illegal"),
        ("CN=broker-1", "name_illegal"),
        ("CN=a,O=b", "name_illegal"),
        ("a/b", "name_illegal"),
        ('a"b', "name_illegal"),
        ("a\\b", "name_illegal"),
        ("<default>", "name_illegal"),
        ("ANONYMOUS", "name_reserved"),
        ("Anonymous", "name_reserved"),
        (".", "name_illegal"),
        ("..", "name_illegal"),
        ("+new", "name_illegal"),
        ("jörg", "name_ascii"),
        ("注文", "name_ascii"),
        ("a\u00a0b", "name_ascii"),
    ],
)
def test_a_name_that_would_bite_later_is_refused_with_its_reason(name: str, code: str) -> None:
    refusal = check_name(name)
    assert refusal is not None
    assert refusal.code == code
    assert refusal.hint


def test_a_reserved_name_is_refused() -> None:
    refusal = check_name("admin", reserved=True)
    assert refusal is not None
    assert refusal.code == "name_reserved"


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "password_length"),
        ("a" * 257, "password_length"),
        ("with\na line end", "password_control"),
        ("with\ta tab inside", "password_control"),
        (f" {GOOD}", "password_blank"),
        ("ﬁle-ﬁle-ﬁle-ﬁle", "password_saslprep"),
    ],
)
def test_a_password_that_would_bite_later_is_refused_and_not_repeated(password: str, code: str) -> None:
    refusal = check_password(password)
    assert refusal is not None
    assert refusal.code == code
    assert password.strip() not in refusal.what + refusal.hint


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("ª", "a"),
        ("Ⅸ", "IX"),
        ("\u0007", None),
        ("\u06271", None),
    ],
)
def test_saslprep_gives_what_the_rfc_gives(text: str, prepared: str | None) -> None:
    """RFC 4013, section 3."""
    assert saslprep(text) == prepared


@given(st.text(max_size=40))
def test_what_saslprep_gives_it_gives_again(text: str) -> None:
    once = saslprep(text)
    assert once is None or saslprep(once) == once


@given(st.text(max_size=60), st.text(max_size=60))
def test_whatever_is_accepted_stays_one_line_of_every_file(name: str, password: str) -> None:
    if check_name(name) or check_password(password):
        return
    files = client_files(Endpoint("h:1", "CA\n"), ScramLogin(name, password))
    assert f"sasl.password={password}" in files["kcat.conf"].split("\n")
    assert len(files["client.properties"].splitlines()) == 6
