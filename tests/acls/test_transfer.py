"""Files: what is written is read back the same; mistakes are named by line; nothing that a spreadsheet runs."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.acls.logic.bindings import in_order
from controlplane.acls.logic.transfer import COLUMNS, MAX_PROBLEMS, FileFormat, problems_of, read, write
from controlplane.core.cells import FORMULA
from controlplane.gateways.kafka.access_types import Acl
from tests.acls.notation import acl
from tests.acls.test_authorize import ACLS

HEADER = ",".join(COLUMNS)
ODD = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12).map(str.strip).filter(bool)  # fmt: skip


@given(st.lists(ACLS, min_size=1, max_size=8), ODD, st.sampled_from(FileFormat))
def test_what_is_written_is_read_back_the_same(acls: list[Acl], odd: str, given_as: FileFormat) -> None:
    acls = [*acls, replace(acls[0], principal=f"User:{odd}", resource_name=odd)]
    parsed = read(write(acls, given_as), given_as)
    assert parsed.problems == ()
    assert in_order(parsed.acls) == in_order(acls)


@pytest.mark.parametrize("name", ["=1+1", "+x", "-x", "@x", "'x"])
def test_no_cell_is_a_formula(name: str) -> None:
    text = write(
        [replace(acl("ALLOW User:ann READ TOPIC orders"), principal=name, resource_name=name)], FileFormat.CSV
    )
    cells = next(iter(list(csv.reader(io.StringIO(text)))[1:]))
    assert not any(cell.startswith(FORMULA) for cell in cells)
    assert read(text, FileFormat.CSV).acls[0].principal == name


@pytest.mark.parametrize(
    ("text", "given_as", "problem"),
    [
        ("", FileFormat.CSV, "empty"),
        ("Principal,Colour\nUser:a,red\n", FileFormat.CSV, "does not name the columns"),
        (
            "Principal,ResourceType,ResourceName,Operation,Host,Host\nUser:a,TOPIC,t,READ,*,10.0.0.1\n",
            FileFormat.CSV,
            "each once",
        ),
        (f"{HEADER}\nUser:a,TOPIC,LITERAL,x\n", FileFormat.CSV, "Line 2 has another number"),
        (f"{HEADER}\nUser:a,TOPIC,LITERAL,x,READ,ALLOW,*\n,TOPIC,LITERAL,x,READ,ALLOW,*\n", FileFormat.CSV, "Line 3: principal is missing"),
        ("acls: 3", FileFormat.YAML, "not a list"),
        ("acls: [", FileFormat.YAML, "not YAML"),
        ("a: &x [1]\nb: *x", FileFormat.YAML, "aliases"),
        ("- {principal: 'User:a', colour: red}", FileFormat.YAML, "no field colour"),
        ("- {principal: [1], operation: READ, resource_type: TOPIC, resource_name: x}", FileFormat.YAML, "not a text"),
        ("- !!python/object/apply:os.system ['true']", FileFormat.YAML, "not YAML"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(text: str, given_as: FileFormat, problem: str) -> None:
    parsed = read(text, given_as)
    assert problem in parsed.problems[0].what


def test_columns_may_stand_in_another_order_and_defaults_are_kafkas() -> None:
    parsed = read(
        "\ufeffOperation,Principal,ResourceType,ResourceName\nread,User:ann,topic,orders\n", FileFormat.CSV
    )
    assert parsed.acls == (acl("ALLOW User:ann READ TOPIC orders"),)


@given(st.text(max_size=400), st.sampled_from(FileFormat))
def test_any_text_is_read_or_refused(text: str, given_as: FileFormat) -> None:
    parsed = read(text, given_as)
    assert len(parsed.problems) <= MAX_PROBLEMS


@pytest.mark.parametrize("text", ["\r0", "a" * 200_000, "a\x00b", '"a'])
def test_what_is_no_csv_is_refused(text: str) -> None:
    assert read(text, FileFormat.CSV).problems


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "- " * 50_000, "{a: " * 50_000, "? " * 50_000],
    ids=["flow", "block", "map", "key"],
)
def test_nesting_that_slows_parsers_down_is_refused_at_its_beginning(text: str) -> None:
    (problem,) = read(text, FileFormat.YAML).problems
    assert "nested" in problem.what or "not YAML" in problem.what


def test_numbers_are_texts_so_none_is_huge_when_it_is_written_out() -> None:
    entry = f"- {{principal: 0x{'f' * 8000}, operation: READ, permission: ALLOW, resource_type: TOPIC, resource_name: 123}}"
    (acl_,) = read(entry, FileFormat.YAML).acls
    assert acl_.resource_name == "123"
    assert acl_.principal.startswith("0xfff")


@pytest.mark.parametrize(
    ("given", "text", "place"),
    [
        (
            FileFormat.CSV,
            "Principal,ResourceType,ResourceName,Operation\nUser:a,TOPIC,t,READ\nUser:a,TOPIC,t,FLY\n",
            "Line 3: ",
        ),
        (
            FileFormat.YAML,
            "- {principal: User:a, resource_type: QUEUE, resource_name: t, operation: READ}\n",
            "Binding 1: ",
        ),
    ],
)
def test_a_binding_that_would_mean_nothing_is_named_by_its_place(
    given: FileFormat, text: str, place: str
) -> None:
    assert problems_of(read(text, given))
    assert all(each.what.startswith(place) for each in problems_of(read(text, given)))
