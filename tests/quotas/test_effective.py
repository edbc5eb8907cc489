"""The ladder against Kafka's own code, written down line by line (ClientQuotaManager.DefaultQuotaCallback, 4.x)."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.gateways.kafka.access_types import QuotaEntity
from controlplane.quotas.logic.effective import (
    Quotas,
    client_levels,
    covers,
    effective,
    effective_for_ip,
    level_of,
    sensor_effective,
)
from controlplane.quotas.logic.entities import CLIENT_ID, IP, USER, entity_of

KEY = "producer_byte_rate"
NAMES = ("ann", "bob")
IDS = ("app", "etl")
ENTITIES: list[QuotaEntity] = [
    entity_of(parts)
    for parts in (
        *({USER: user} for user in (*NAMES, None)),
        *({CLIENT_ID: id_} for id_ in (*IDS, None)),
        *({USER: user, CLIENT_ID: id_} for user in (*NAMES, None) for id_ in (*IDS, None)),
    )
]
QUOTAS = st.dictionaries(
    st.sampled_from(ENTITIES), st.fixed_dictionaries({KEY: st.floats(1, 1e9)}), max_size=len(ENTITIES)
)


def u(user: str | None) -> QuotaEntity:
    return entity_of({USER: user})


def c(client_id: str | None) -> QuotaEntity:
    return entity_of({CLIENT_ID: client_id})


def uc(user: str | None, client_id: str | None) -> QuotaEntity:
    return entity_of({USER: user, CLIENT_ID: client_id})


def kafka_tags(quotas: Quotas, user: str, client_id: str) -> tuple[str, str]:
    """quotaMetricTags: which labels the sensor gets, from the kinds of quotas that there are at all."""
    kinds = {tuple(kind for kind, _ in entity) for entity in quotas}
    match kinds:
        case _ if kinds <= {(CLIENT_ID,)}:
            return "", client_id
        case _ if kinds == {(USER,)}:
            return user, ""
        case _ if kinds == {(CLIENT_ID, USER)}:
            return user, client_id
    for entity, tags in (
        (uc(user, client_id), (user, client_id)),
        (uc(user, None), (user, client_id)),
        (u(user), (user, "")),
        (uc(None, client_id), (user, client_id)),
        (uc(None, None), (user, client_id)),
        (u(None), (user, "")),
    ):
        if entity in quotas:
            return tags
    return "", client_id


def kafka_limit(quotas: Quotas, user: str, client_id: str) -> float | None:
    """quotaLimit, found by the tags."""
    if user and client_id:
        order = [uc(user, client_id), uc(user, None), uc(None, client_id), uc(None, None)]
    elif user:
        order = [u(user), u(None)]
    else:
        order = [c(client_id), c(None)] if client_id else []
    return next((quotas[entity][KEY] for entity in order if entity in quotas), None)


@given(QUOTAS, st.sampled_from(("ann", "eve")), st.sampled_from(("app", "other", "")))
def test_the_ladder_gives_what_kafkas_own_lookup_gives(quotas: Quotas, user: str, client_id: str) -> None:
    tags = kafka_tags(quotas, user, client_id)
    expected = kafka_limit(quotas, *tags)
    found = effective(quotas, user, client_id, KEY)
    assert found.value == expected
    assert sum(rung.decides for rung in found.ladder) == (expected is not None)
    if tags != ("", ""):
        assert sensor_effective(quotas, *tags, KEY).value == expected


@given(QUOTAS, st.sampled_from(NAMES), st.sampled_from(IDS))
def test_each_limit_is_decided_on_its_own(quotas: Quotas, user: str, client_id: str) -> None:
    other = {**quotas, uc(user, client_id): {"consumer_byte_rate": 1.0}}
    without = {entity: values for entity, values in quotas.items() if entity != uc(user, client_id)}
    assert effective(other, user, client_id, KEY).value == effective(without, user, client_id, KEY).value
    assert effective(other, user, client_id, "consumer_byte_rate").value == 1.0


@given(
    QUOTAS, st.sampled_from(ENTITIES), st.sampled_from(ENTITIES), st.sampled_from(NAMES), st.sampled_from(IDS)
)
def test_a_quota_that_is_covered_never_decides(
    quotas: Quotas, one: QuotaEntity, other: QuotaEntity, user: str, client_id: str
) -> None:
    if covers(one, other):
        both = {**quotas, one: {KEY: 1.0}, other: {KEY: 2.0}}
        assert effective(both, user, client_id, KEY).entity != other


@pytest.mark.parametrize(("level", "entity"), client_levels("ann", "app"))
def test_an_entity_knows_its_level(level: int, entity: QuotaEntity) -> None:
    assert level_of(entity) == level
    found = effective({entity: {KEY: 5.0}}, "ann", "app", KEY)
    assert (found.value, found.entity) == (5.0, entity)
    assert found.shared


@pytest.mark.parametrize(
    ("quotas", "value"),
    [
        ({}, None),
        ({entity_of({IP: None}): {"connection_creation_rate": 7.0}}, 7.0),
        (
            {
                entity_of({IP: None}): {"connection_creation_rate": 7.0},
                entity_of({IP: "192.0.2.7"}): {"connection_creation_rate": 3.0},
            },
            3.0,
        ),
    ],
)
def test_an_address_has_its_own_limit_or_the_default(quotas: Quotas, value: float | None) -> None:
    assert effective_for_ip(quotas, "192.0.2.7").value == value


@pytest.mark.parametrize(("one", "other"), list(product(ENTITIES, repeat=2)))
def test_what_covers_has_every_client_of_what_is_covered(one: QuotaEntity, other: QuotaEntity) -> None:
    clients = [(user, client_id) for user in NAMES for client_id in IDS]
    ours, theirs = (
        {
            (user, client_id)
            for user, client_id in clients
            if effective({entity: {KEY: 1.0}}, user, client_id, KEY).value is not None
        }
        for entity in (one, other)
    )
    if covers(one, other):
        assert ours >= theirs


def test_a_client_id_does_not_cover_all_others() -> None:
    assert not covers(entity_of({CLIENT_ID: "w"}), entity_of({CLIENT_ID: None}))
    assert not covers(entity_of({CLIENT_ID: None}), entity_of({CLIENT_ID: "w"}))


def test_no_address_covers_a_client() -> None:
    assert level_of(entity_of({IP: None})) == 0
    assert not covers(entity_of({IP: None}), u("ann"))
