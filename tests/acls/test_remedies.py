"""The bundle that a refused client will need, filled in by what else it was refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

import pytest

from controlplane.acls.forms import BundleForm
from controlplane.acls.logic.authorize import Authorizer
from controlplane.acls.logic.authorizer_log import denials, judged
from controlplane.acls.logic.remedies import allowed_now, remedies
from tests.acls.notation import acl
from tests.acls.test_authorizer_log import DENY, line

READ = line()
WRITE = line(operation="WRITE").replace("request = Fetch", "request = Produce")
GROUP = line(kind="Group", name="readers")


def test_what_bindings_allow_by_now_has_nothing_left_to_allow() -> None:
    (row,) = denials(judged([READ], UTC))
    other, fitting, denied = (
        acl(text)
        for text in (
            "ALLOW User:bob READ TOPIC orders",
            "ALLOW User:ann READ TOPIC ord PREFIXED",
            "DENY User:ann ALL TOPIC *",
        )
    )
    assert not allowed_now(row, Authorizer((other,)))
    assert allowed_now(row, Authorizer((other, fitting)))
    assert not allowed_now(row, Authorizer((fitting, denied)))


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ([READ], ["consumer orders"]),
        ([READ, GROUP], ["consumer orders readers"]),
        ([GROUP, READ, line(name="other")], ["consumer orders, other readers"]),
        ([READ, GROUP, line(kind="Group", name="more")], ["consumer orders"]),
        ([READ, line("User:bob", kind="Group", name="readers")], ["consumer orders"]),
        ([WRITE], ["producer orders"]),
        ([line(operation="DESCRIBE")], ["consumer orders"]),
        (
            [line(operation="DESCRIBE").replace("Fetch", "Metadata")],
            ["producer orders", "consumer orders"],
        ),
        (
            [line(kind="TransactionalId", name="tx", operation="WRITE"), WRITE],
            ["transactional_producer orders tx"],
        ),
        ([line(kind="Cluster", name="kafka-cluster", operation="ALTER")], []),
        ([line(rule=DENY)], []),
    ],
)
def test_what_comes_next(lines: Sequence[str], wanted: list[str]) -> None:
    rows = denials(judged(lines, UTC))
    first = next(row for row in rows if row.resource_name in lines[0] and row.operation in lines[0])
    found = remedies(first, rows)
    said = [
        " ".join(filter(None, (each.bundle, ", ".join(each.topics), each.group or each.transactional_id)))
        for each in found
    ]
    assert sorted(said) == sorted(wanted)
    for each in found:
        assert each.body["name"] == each.bundle.value
        assert each.query.startswith(f"bundle={each.bundle.value}&principal=User%3Aann")
        form = BundleForm(initial={"bundle": each.bundle.value})
        assert form["bundle"].value() == each.bundle.value
