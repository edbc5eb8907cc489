"""Limits and rates of quotas in templates, in the unit of their key."""

from __future__ import annotations

from django import template

from controlplane.clusters.logic import quota_words
from controlplane.core.templatetags.kastellan import unknown
from controlplane.gateways.kafka.access_types import QuotaEntity
from controlplane.quotas.forms import shown_for
from controlplane.quotas.logic import units
from controlplane.quotas.logic.entities import BY_NAME, QuotaKey
from controlplane.quotas.logic.entities import title as title_of
from controlplane.quotas.logic.plans import is_observing
from controlplane.quotas.selectors import LimitedUse

register = template.Library()
#: At or beyond the limit means throttled; close to it is worth a colour before that.
NEAR = 0.9


@register.filter
def limit(value: float | None, key: QuotaKey) -> str:
    """A limit as people read it; one that only observes says so."""
    if value is None:
        return "no limit"
    return quota_words.limit(value, key)


@register.filter
def limit_named(value: float | None, key_name: str) -> str:
    return limit(value, BY_NAME[key_name])


@register.filter
def is_observed(value: float | None, key_name: str) -> bool:
    """A limit that only keeps the sensor: nothing is slowed by it."""
    return value is not None and is_observing(key_name, value)


@register.filter
def measured(value: float | None, key_name: str) -> str:
    if value is None:
        return unknown("No quota of this kind, so the brokers do not count it")
    return units.human(round(value, 2), BY_NAME[key_name])


@register.filter
def raw_limit(value: float) -> str:
    return units.raw(value)


@register.filter
def entity_title(entity: QuotaEntity) -> str:
    return title_of(entity)


@register.filter
def near(each: LimitedUse) -> bool:
    return each.use is not None and each.limit is not None and each.use.highest >= NEAR * each.limit


@register.filter
def scopes_with(kind: str) -> str:
    """The scopes of the form in which this part is named."""
    return shown_for(kind)


@register.filter
def scopes_of_key(key_name: str) -> str:
    """The scopes of the form in which this limit is legal."""
    ip = key_name == "connection_creation_rate"
    return shown_for("ip", named=False) if ip else f"{shown_for('user', named=False)} client client-default"


@register.filter
def scope_list(kind: str) -> list[str]:
    return scopes_with(kind).split()


@register.filter
def key_scope_list(key_name: str) -> list[str]:
    return scopes_of_key(key_name).split()
