from __future__ import annotations

import copy
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.gateways.kafka.openenum import CodedEnum
from controlplane.gateways.kafka.types import (
    ConfigOpType,
    ConfigSource,
    ConfigType,
    ElectionType,
    GroupType,
    ResourceType,
)

CODED: list[type[CodedEnum]] = [ConfigSource, ConfigType, ConfigOpType, ElectionType, ResourceType]


def test_an_unknown_number_is_kept_and_shown() -> None:
    unknown = ConfigSource.of(99)
    assert str(unknown) == "UNKNOWN(99)"
    assert not unknown.known
    assert unknown == ConfigSource.of(99)
    assert hash(unknown) == hash(ConfigSource.of(99))
    assert unknown.wire == 99
    assert unknown not in list(ConfigSource)


def test_an_unknown_name_is_kept_and_shown() -> None:
    future = GroupType("quantum")
    assert (str(future), future.known, future == "quantum") == ("quantum", False, True)


@pytest.mark.parametrize("enum", CODED)
def test_names_and_numbers_are_one_to_one(enum: type[CodedEnum]) -> None:
    assert {enum.of(code) for code in enum.__codes__} == set(enum)
    assert all(enum.of(member.wire) is member and member.known for member in enum)


@given(st.sampled_from(CODED), st.integers(0, 127))
def test_every_number_survives_the_round_trip(enum: type[CodedEnum], code: int) -> None:
    assert enum.of(code).wire == code
    assert json.loads(json.dumps(enum.of(code))) == str(enum.of(code))


def test_a_stand_in_can_be_copied_and_pickled() -> None:
    unknown = ConfigSource.of(99)
    assert copy.deepcopy(unknown) == unknown
    assert pickle.loads(pickle.dumps(unknown)) == unknown


def test_what_never_came_from_the_wire_cannot_be_sent() -> None:
    with pytest.raises(ValueError):
        _ = ConfigSource("NONSENSE").wire
