"""The MBeans of a broker as they are: found by words, read with their values, and which metrics they become."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.core.errors import NotFound
from controlplane.gateways.jolokia import read_mbean, search_mbeans
from controlplane.metrics.names import samples_of
from controlplane.metrics.polling import endpoint_of
from controlplane.metrics.selectors import store
from controlplane.metrics.sources import Jolokia

#: More names than these are of no use on a page.
MOST = 200
LONGEST_VALUE = 4000
#: What may hold secrets of the machine, given on a command line or as a property.
WITHHELD: Mapping[str, frozenset[str]] = {
    "java.lang:type=Runtime": frozenset({"SystemProperties", "InputArguments"}),
}
#: Of any MBean, those of applications and plugins too.
SECRET = re.compile(r"password|passwd|secret|token|credential|jaas|keystore|privatekey", re.IGNORECASE)
WITHHELD_TEXT = "not shown: it may hold secrets"


@dataclass(frozen=True, slots=True)
class Attribute:
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class MBean:
    """`metrics` are the names under which the history has it; empty: it is not polled."""

    name: str
    attributes: tuple[Attribute, ...]
    metrics: tuple[str, ...]


def search(cluster: str, broker: int, words: str) -> tuple[str, ...]:
    """Names that hold every word, in any order and case; all of them for no word. Raises NotFound, GatewayError."""
    wanted = words.lower().split()
    names = search_mbeans(endpoint_of(cluster, _known(cluster, broker)))
    return tuple(name for name in names if all(word in name.lower() for word in wanted))


def read(cluster: str, broker: int, name: str) -> MBean:
    """By the name that `search` gives, so that no pattern reads more. Raises NotFound, GatewayError."""
    endpoint = endpoint_of(cluster, _known(cluster, broker))
    found = read_mbean(endpoint, name) if name in search_mbeans(endpoint) else None
    if found is None:
        raise NotFound(
            f"Broker {broker} has no MBean {name}",
            hint="Search for it: MBeans come and go with what is used.",
        )
    withheld = WITHHELD.get(name, frozenset())
    attributes = tuple(
        Attribute(key, WITHHELD_TEXT if key in withheld or SECRET.search(key) else _text(value))
        for key, value in sorted(found.items())
    )
    metrics = {sample.name for sample in samples_of({name: found})}.intersection(
        store().metric_names(cluster)
    )
    return MBean(name, attributes, tuple(sorted(metrics)))


def _known(cluster: str, broker: int) -> int:
    if broker not in Jolokia(cluster).targets():
        raise NotFound(f"Cluster {cluster} has no broker {broker} whose MBeans can be read")
    return broker


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]} …"
