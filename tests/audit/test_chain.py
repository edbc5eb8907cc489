"""WS-11: editing, deleting, reordering, truncating and rewriting the audit are found, in memory and in the database."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from controlplane.audit import services
from controlplane.audit.chain import FIELDS, GENESIS, Head, Link, Tampering, link_hash, verify
from controlplane.audit.head import head_file
from controlplane.audit.models import ChainHead, Operation, Outcome
from controlplane.core.access import SYSTEM, Action

contents = st.fixed_dictionaries({name: st.text(max_size=5) for name in FIELDS})


def chained(rows: list[dict[str, object]]) -> list[Link]:
    links, previous = [], GENESIS
    for seq, content in enumerate(rows, 1):
        hashed = link_hash(previous, content)
        links.append(Link(seq, previous, hashed, content))
        previous = hashed
    return links


def head(links: list[Link]) -> Head:
    return Head(links[-1].seq, links[-1].hash) if links else Head(0, GENESIS)


def found(links: list[Link], good: list[Link]) -> set[Tampering]:
    verification = verify(links, database_head=head(good), signed_head=head(good))
    return {finding.kind for finding in verification.findings}


@given(st.lists(contents, max_size=8))
def test_an_honest_chain_is_intact(rows: list[dict[str, object]]) -> None:
    links = chained(rows)
    assert not found(links, links)


@given(st.lists(contents, min_size=1, max_size=8), st.data())
def test_an_edited_row_is_found(rows: list[dict[str, object]], data: st.DataObject) -> None:
    good = chained(rows)
    index, name = data.draw(st.integers(0, len(good) - 1)), data.draw(st.sampled_from(FIELDS))
    edited = replace(good[index], content={**good[index].content, name: "changed!"})
    assert Tampering.EDITED in found([*good[:index], edited, *good[index + 1 :]], good)


@given(st.lists(contents, min_size=3, max_size=8), st.data())
def test_a_deleted_row_is_found(rows: list[dict[str, object]], data: st.DataObject) -> None:
    good = chained(rows)
    index = data.draw(st.integers(0, len(good) - 2))
    assert Tampering.MISSING in found([*good[:index], *good[index + 1 :]], good)


@given(st.lists(contents, min_size=2, max_size=8), st.data())
def test_two_rows_that_changed_places_are_found(rows: list[dict[str, object]], data: st.DataObject) -> None:
    good = chained(rows)
    index = data.draw(st.integers(0, len(good) - 2))
    one, two = good[index], good[index + 1]
    swapped = [*good[:index], replace(two, seq=one.seq), replace(one, seq=two.seq), *good[index + 2 :]]
    assert found(swapped, good)


@given(st.lists(contents, min_size=1, max_size=8), st.data())
def test_a_missing_end_is_found_even_with_a_rewound_head(
    rows: list[dict[str, object]], data: st.DataObject
) -> None:
    good = chained(rows)
    kept = good[: data.draw(st.integers(0, len(good) - 1))]
    verification = verify(kept, database_head=head(kept), signed_head=head(good))
    assert {f.kind for f in verification.findings} == {Tampering.TRUNCATED}


@given(st.lists(contents, min_size=1, max_size=6), contents)
def test_a_chain_that_was_computed_anew_is_found(
    rows: list[dict[str, object]], other: dict[str, object]
) -> None:
    good = chained(rows)
    forged = chained([{**other, "target": "forged!"}, *rows[1:]])
    verification = verify(forged, database_head=head(forged), signed_head=head(good))
    assert Tampering.REWRITTEN in {f.kind for f in verification.findings}


# --- In the database ------------------------------------------------------------------------------------------------

ROWS = 2000


@pytest.fixture
def _own_state(settings: LazySettings, tmp_path: Path) -> None:
    settings.STATE = tmp_path


def fill(count: int) -> None:
    """Rows as `seal` writes them, in bulk."""
    previous, rows, now = GENESIS, [], timezone.now()
    for seq in range(1, count + 1):
        row = Operation(
            seq=seq, started_at=now, sealed_at=now, actor="ada", actor_kind="user", action="topic.edit",
            cluster="main", target=f"topic-{seq}", outcome=Outcome.SUCCEEDED, details={"n": seq, "f": 0.5},
            plan={"b": 1, "a": [None, "ü"]}, previous_hash=previous,
        )  # fmt: skip
        row.hash = previous = link_hash(previous, services.content_of(row))
        rows.append(row)
    Operation.objects.bulk_create(rows, batch_size=500)
    ChainHead.objects.update_or_create(id=1, defaults={"seq": count, "hash": previous})
    head_file().export(Head(count, previous))


@pytest.fixture
def _filled(db: None, _own_state: None) -> None:
    fill(ROWS)


def edit() -> None:
    Operation.objects.filter(seq=ROWS // 2).update(target="something-else")


def delete() -> None:
    Operation.objects.filter(seq=ROWS // 2).delete()


def reorder() -> None:
    with connection.cursor() as cursor:
        for old, new in ((10, -1), (11, 10), (-1, 11)):
            cursor.execute("UPDATE audit_operation SET seq = %s WHERE seq = %s", [new, old])


def truncate() -> None:
    Operation.objects.filter(seq__gt=ROWS - 5).delete()
    last = Operation.objects.get(seq=ROWS - 5)
    ChainHead.objects.update(seq=last.seq, hash=last.hash)


@pytest.mark.usefixtures("_filled")
def test_an_untouched_audit_verifies() -> None:
    verification = services.verify_chain()
    assert verification.intact, verification.findings[:3]
    assert verification.rows == ROWS


@pytest.mark.usefixtures("_filled")
@pytest.mark.parametrize("tamper", [edit, delete, reorder, truncate])
def test_tampering_with_the_table_is_found(tamper: Callable[[], None]) -> None:
    tamper()
    assert not services.verify_chain().intact
    with pytest.raises(CommandError):
        call_command("verify_audit")


@pytest.mark.usefixtures("_filled")
def test_a_head_signed_by_somebody_else_is_found() -> None:
    path = head_file().path
    path.write_text(path.read_text().replace('"seq": 2000', '"seq": 1999'))
    assert Tampering.HEAD_FORGED in {f.kind for f in services.verify_chain().findings}


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.usefixtures("_own_state")
def test_a_hundred_thousand_rows_verify_in_seconds() -> None:
    fill(100_000)
    started = time.monotonic()
    assert services.verify_chain().intact
    assert time.monotonic() - started < 30


@pytest.fixture
def _sealed_by_hand(transactional_db: None, _own_state: None) -> None:
    for number in range(3):
        with services.operation(SYSTEM, Action.TOPIC_CREATE, cluster="main", target=f"t{number}"):
            pass


@pytest.mark.usefixtures("_sealed_by_hand")
def test_what_operations_write_verifies_and_the_head_lies_outside_the_database() -> None:
    exported = head_file().read()
    assert exported is not None
    assert exported.seq == 3
    assert services.verify_chain().intact
    head_file().export(Head(2, "x" * 64))
    assert head_file().read() == exported
