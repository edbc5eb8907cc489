"""Acts on one object in the palette: which words name the act, which the object, and where its plan or form is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from django.db.models.functions import Length
from django.shortcuts import resolve_url

from controlplane.certificates.listing import certificates
from controlplane.clusters import selectors
from controlplane.clusters.logic.broker_plans import BrokerAct
from controlplane.clusters.models import Cluster
from controlplane.clusters.views import bootstrap_of
from controlplane.config.palette_items import OBJECTS, Item
from controlplane.core.access import Action, Actor, can

Find = Callable[[Cluster, Sequence[str]], Iterable[tuple[str, str]]]
SHORTEST = 3
#: These words name the kind of an object, never an act.
KINDS = ("topic", "broker", "certificate", "to", "of")


@dataclass(frozen=True, slots=True)
class Verb:
    """`label` has the object as `{}`; `words` are further names of the act; `extra` is the rest of its address."""

    label: str
    view: str
    action: Action
    words: str = ""
    extra: tuple[str, ...] = ()

    def split(self, typed: Sequence[str]) -> tuple[bool, tuple[str, ...]]:
        """Whether the act is named at all, and the words that are left: the object's."""
        own = [word for word in f"{self.label} {self.words}".lower().split() if word not in KINDS]
        acts = [word for word in typed if any(_names(word, each) for each in own)]
        rest = [word for word in typed if word not in acts and not any(_names(word, k) for k in KINDS)]
        return bool(acts), tuple(rest)

    def item(self, cluster: Cluster, key: str, name: str, suffix: str) -> Item:
        url = resolve_url(self.view, cluster.name, key, *self.extra)
        return Item(self.label.replace("{}", name) + suffix, "action", url)

    def prompt(self) -> Item:
        text = self.label.replace("{}", "").strip()
        return Item(f"{text} …", "action", fill=f"{text.lower()} ")


def _names(typed: str, word: str) -> bool:
    return word.startswith(typed) and len(typed) >= min(SHORTEST, len(word))


TOPIC = (
    Verb("Produce to topic {}", "records:produce", Action.TOPIC_PRODUCE, "send publish write message record"),
    Verb("Browse messages of topic {}", "records:browse", Action.TOPIC_READ_RECORDS, "read consume records"),
    Verb("Change settings of topic {}", "topics:settings", Action.TOPIC_EDIT, "alter edit config retention"),
    Verb("Add partitions to topic {}", "topics:add_partitions", Action.TOPIC_EDIT, "alter increase grow"),
    Verb("Delete topic {}", "topics:delete", Action.TOPIC_DELETE, "remove drop"),
)
BROKER = (
    *(
        Verb(f"{act.verb} broker {{}}", "clusters:broker_act", Action.BROKER_OPERATE, extra=(act.value,))
        for act in BrokerAct
    ),
    Verb("Remove broker {}", "clusters:remove_broker", Action.BROKER_OPERATE, "delete decommission drain"),
)
CERTIFICATE = (
    Verb("Renew certificate {}", "certificates:renew", Action.CERTIFICATE_ISSUE, "rotate extend"),
    Verb("Revoke certificate {}", "certificates:revoke", Action.CERTIFICATE_REVOKE, "delete remove block"),
)


def on_objects(actor: Actor, cluster: Cluster, typed: Sequence[str], suffix: str) -> Iterator[Item]:
    kinds: list[tuple[Sequence[Verb], Find]] = [(TOPIC, _topics), (CERTIFICATE, _certificates)]
    if bootstrap_of(cluster):
        kinds.append((BROKER, _brokers))
    for verbs, find in kinds:
        for verb in verbs:
            named, rest = verb.split(typed)
            if not named or not can(actor, verb.action, cluster.name).allowed:
                continue
            if not rest and find is not _brokers:
                yield verb.prompt()
                continue
            for key, name in islice(find(cluster, rest), OBJECTS):
                yield verb.item(cluster, key, name, suffix)


def _topics(cluster: Cluster, words: Sequence[str]) -> Iterable[tuple[str, str]]:
    rows = selectors.topics(cluster, search=max(words, key=len), internal=False)
    names = rows.order_by(Length("name"), "name").values_list("name", flat=True)
    return ((name, name) for name in names if all(word in name.lower() for word in words))


def _brokers(cluster: Cluster, words: Sequence[str]) -> Iterable[tuple[str, str]]:
    """All of them where none is named: they are few."""
    ids = map(str, selectors.brokers(cluster).values_list("broker_id", flat=True))
    return ((each, each) for each in ids if set(words) <= {each})


def _certificates(cluster: Cluster, words: Sequence[str]) -> Iterable[tuple[str, str]]:
    rows = certificates(cluster, search=max(words, key=len)).values_list("serial", "common_name")
    return ((serial, name) for serial, name in rows if all(word in name.lower() for word in words))
