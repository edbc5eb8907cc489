"""The fault checker itself: a clean history passes, and each planted violation is caught and named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.checker import Acked, History, Kind, Read, check

PARTITIONS = 3


def history(messages: int = 60) -> History:
    """Two producers, three partitions, everything acknowledged and read once, in order."""
    acked = [
        Acked(producer, sequence, sequence % PARTITIONS, 2 * (sequence // PARTITIONS) + slot)
        for sequence in range(messages)
        for slot, producer in enumerate(("a", "b"))
    ]
    return History(acked, [read_of(ack) for ack in acked], sent={"a": messages, "b": messages})


def read_of(ack: Acked, reader: int = 0) -> Read:
    return Read(ack.producer, ack.sequence, ack.partition, ack.offset, reader)


def without_one(clean: History) -> History:
    return replace(clean, read=[*clean.read[:20], *clean.read[21:]])


def without_the_last(clean: History) -> History:
    return replace(clean, read=clean.read[:-1])


def written_twice(clean: History) -> History:
    return replace(clean, read=[*clean.read, replace(clean.read[5], offset=1000)])


def written_twice_to_two_partitions(clean: History) -> History:
    copy = replace(clean.read[5], partition=(clean.read[5].partition + 1) % PARTITIONS, offset=1000)
    return replace(clean, read=[*clean.read, copy])


def swapped(clean: History) -> History:
    """Two of one producer in one partition; never acknowledged, so that nothing but the order is wrong."""
    first, second = clean.read[0], clean.read[2 * PARTITIONS]
    changed = {first: replace(first, sequence=second.sequence), second: replace(second, sequence=0)}
    return replace(clean, acked=[], read=[changed.get(read, read) for read in clean.read])


def replaced_after_the_acknowledgement(clean: History) -> History:
    other = replace(clean.read[7], producer="a", sequence=60)
    return replace(clean, read=[*clean.read[:7], other, *clean.read[8:]], sent={"a": 61, "b": 60})


def two_readers_disagree(clean: History) -> History:
    second = [replace(read, reader=1) for read in clean.read]
    second[3] = replace(second[3], sequence=59)
    return replace(clean, read=[*clean.read, *second])


def the_reader_is_thrown_back(clean: History) -> History:
    return replace(clean, read=[*clean.read[:50], *clean.read[40:]])


def of_an_aborted_transaction(clean: History) -> History:
    return replace(clean, aborted=frozenset({("b", 59)}))


def out_of_nowhere(clean: History) -> History:
    return replace(clean, read=[*clean.read, Read("a", 60, 0, 5000)])


def of_an_unknown_producer(clean: History) -> History:
    return replace(clean, read=[*clean.read, Read("c", 0, 0, 5000)])


PLANTED: tuple[tuple[Callable[[History], History], Kind], ...] = (
    (without_one, Kind.LOST),
    (without_the_last, Kind.LOST),
    (written_twice, Kind.DUPLICATE),
    (written_twice_to_two_partitions, Kind.DUPLICATE),
    (swapped, Kind.REORDERED),
    (replaced_after_the_acknowledgement, Kind.TWO_VALUES),
    (two_readers_disagree, Kind.TWO_VALUES),
    (the_reader_is_thrown_back, Kind.NON_MONOTONIC),
    (of_an_aborted_transaction, Kind.ABORTED),
    (out_of_nowhere, Kind.INVENTED),
    (of_an_unknown_producer, Kind.INVENTED),
)


def test_a_clean_history_is_clean() -> None:
    verdict = check(history())
    assert verdict.clean, verdict
    assert (verdict.acked, verdict.read) == (120, 120)


def test_an_unacknowledged_message_may_be_there_or_not() -> None:
    clean = history()
    unsure = replace(clean, acked=clean.acked[:-4], read=clean.read[:-2])
    assert check(unsure).clean


def test_a_second_pass_over_the_topic_is_no_duplicate() -> None:
    clean = history()
    again = [read_of(ack, reader=1) for ack in clean.acked]
    assert check(replace(clean, read=[*clean.read, *again])).clean


@pytest.mark.parametrize(("plant", "kind"), PLANTED, ids=lambda value: getattr(value, "__name__", str(value)))
def test_a_planted_violation_is_caught(plant: Callable[[History], History], kind: Kind) -> None:
    verdict = check(plant(history()))
    assert verdict.count(kind) >= 1, verdict


@pytest.mark.parametrize(
    ("plant", "kind"),
    [
        (without_one, Kind.LOST),
        (written_twice, Kind.DUPLICATE),
        (swapped, Kind.REORDERED),
        (of_an_aborted_transaction, Kind.ABORTED),
        (out_of_nowhere, Kind.INVENTED),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_nothing_else_is_accused(plant: Callable[[History], History], kind: Kind) -> None:
    assert {violation.kind for violation in check(plant(history())).violations} == {kind}


def test_an_overwritten_record_is_lost_as_well() -> None:
    verdict = check(replaced_after_the_acknowledgement(history()))
    assert verdict.count(Kind.LOST) == 1, verdict


@given(st.sets(st.integers(min_value=0, max_value=119)))
def test_lost_is_exactly_what_was_acknowledged_and_is_not_there(gone: set[int]) -> None:
    clean = history()
    left = [read for index, read in enumerate(clean.read) if index not in gone]
    verdict = check(replace(clean, read=left))
    assert verdict.count(Kind.LOST) == len(verdict.violations) == len(gone)


def test_the_verdict_says_what_was_found_in_words() -> None:
    text = str(check(without_one(history())))
    assert text.startswith("120 acked, 119 read: 1 lost")
    assert "message 10 of a, acknowledged at partition 1 offset 6" in text
