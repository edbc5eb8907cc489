"""Lines of the authorizer's log, as Kafka 4.4 writes them; tests/acls/test_watching.py reads a real broker's."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.acls.logic.authorizer_log import begins_at, denial_json, denials, judged, used_bindings
from controlplane.acls.logic.bindings import from_key, key
from tests.acls.notation import acl

NOTHING = "DefaultDeny"
DENY = "MatchingAcl(acl=StandardAcl[resourceType=TOPIC, resourceName=or, patternType=PREFIXED, principal=User:*, host=*, operation=ALL, permissionType=DENY])"


def line(
    principal: str = "User:ann",
    *,
    name: str = "orders",
    verdict: str = "Denied",
    rule: str = NOTHING,
    at: str = "10:00:00,000",
    kind: str = "Topic",
    operation: str = "READ",
    host: str = "10.0.0.1",
) -> str:
    return (
        f"[2026-01-02 {at}] INFO Principal = {principal} is {verdict} operation = {operation} from host = {host}"
        f" on resource = {kind}:LITERAL:{name} for request = Fetch with resourceRefCount = 1 based on rule {rule}"
        " (kafka.authorizer.logger)"
    )


def test_the_same_refusal_is_one_row_with_its_newest_time_and_count() -> None:
    lines = [line(), line(at="10:00:05,000"), line(name="other", at="10:00:02,000"), line(verdict="Allowed")]
    rows = denials(judged(lines, UTC))
    assert [(row.resource_name, row.count) for row in rows] == [("orders", 2), ("other", 1)]
    assert rows[0].at == datetime(2026, 1, 2, 10, 0, 5, tzinfo=UTC)


def test_what_we_only_tried_is_nobodys_denial() -> None:
    lines = [line(principal="User:kastellan-probe"), line(principal="User:kastellan-probe2")]
    rows = denials(judged(lines, UTC), frozenset({"User:kastellan-probe"}))
    assert [row.principal for row in rows] == ["User:kastellan-probe2"]


def test_what_was_missing_can_be_allowed_what_is_denied_cannot() -> None:
    lacked, refused = (next(iter(denials(judged([line(rule=rule)], UTC)))) for rule in (NOTHING, DENY))
    assert lacked.fix == acl("ALLOW User:ann READ TOPIC orders")
    assert from_key(lacked.key) == lacked.fix
    assert refused.denied_by == acl("DENY User:* ALL TOPIC or PREFIXED")
    assert denial_json(lacked)["allow_this"]
    assert denial_json(refused)["allow_this"] is None


def test_a_binding_is_used_when_it_decides_and_the_newest_time_counts() -> None:
    rule = DENY.replace("DENY", "ALLOW")
    lines = [line(verdict="Allowed", rule=rule, at=f"10:00:0{n},000") for n in (1, 7, 3)]
    assert used_bindings(judged([*lines, line()], UTC)) == {
        key(acl("ALLOW User:* ALL TOPIC or PREFIXED")): datetime(2026, 1, 2, 10, 0, 7, tzinfo=UTC)
    }


@pytest.mark.parametrize(
    "other",
    [
        "",
        "[2026-01-02 10:00:00,000] INFO Session: … (kafka)",
        "\tat kafka.Kafka.main(Kafka.scala) operation = READ",
        line(kind="Planet"),
        line()[:120],
    ],
)
def test_other_lines_are_passed_over(other: str) -> None:
    assert list(judged([other], UTC)) == []


def test_the_first_line_that_has_a_time_says_where_a_log_begins() -> None:
    assert begins_at(["\tat x", line(at="11:00:00,500"), line(at="12:00:00,000")]) == datetime.fromisoformat(
        "2026-01-02 11:00:00.500"
    ).astimezone()  # fmt: skip
    assert begins_at(["\tat x"]) is None


NAMES = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=30)


@given(NAMES, NAMES)
def test_whatever_people_call_their_things_the_line_is_read_as_it_was_written(principal: str, name: str) -> None:  # fmt: skip
    """Kafka writes names as they are. Those that hold the line's own words are the only ones that may be misread."""
    found = next(iter(judged([line(f"User:{principal}", name=name)], UTC)))
    assert (found.principal, found.resource_name) == (f"User:{principal}", name)


@given(st.text(max_size=300))
def test_no_text_makes_it_fail(text: str) -> None:
    list(judged([line(name=text), line(rule=f"MatchingAcl(acl={text})"), text + " operation = "], UTC))
    begins_at([text])
