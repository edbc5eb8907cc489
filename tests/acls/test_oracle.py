"""The oracle: random ACL sets, and every question that a broker answers about them, compared with `authorize`.

Two principals ask from two hosts about topics, groups and the cluster. The whole of the cluster's ACLs is read from the
broker that is asked, before and after: sets of other tests may be there too, and a set that changed meanwhile is repeated.
Where a broker tells nothing (DESCRIBE is refused), that refusal itself is compared.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.paths import DataPaths
from broker.spec import ClusterSpec
from controlplane.acls.logic.authorize import Authorizer, Question, authorize
from controlplane.acls.logic.bindings import SUPPORTED, exactly, text
from controlplane.clusters.models import Cluster
from controlplane.gateways.broker import super_users
from controlplane.gateways.kafka import _messages as m
from controlplane.gateways.kafka.access_types import (
    Acl,
    AclOperation,
    AclPermission,
    AclResourceType,
    CredentialMechanism,
    PatternType,
)
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.security import KafkaConnection, ScramTls, Tls
from tests.acls.asking import Asker
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)
BROKER = 1
HOSTS = ("127.0.0.1", "127.0.0.2")
SETS = 500


@dataclass
class Bench:
    """The askers, the resources that exist, and the count."""

    gateway: KafkaGateway
    prefix: str
    askers: dict[tuple[str, str], Asker]
    supers: frozenset[str]
    present: frozenset[Acl] = frozenset()
    sets: int = 0
    groups: tuple[str, ...] = ()
    questions: int = 0
    allowed: int = 0
    disagreements: list[str] = field(default_factory=list)

    @property
    def users(self) -> tuple[str, ...]:
        return (f"{self.prefix}-ann", f"{self.prefix}-bob")

    @property
    def topics(self) -> tuple[str, ...]:
        return (f"{self.prefix}-a", f"{self.prefix}-ab", f"{self.prefix}-b")

    def become(self, wanted: frozenset[Acl]) -> None:
        """From one set to the next, and then until the broker that is asked knows it."""
        added, removed = wanted - self.present, self.present - wanted
        if added:
            self.gateway.create_acls(sorted(added, key=text))
        if removed:
            self.gateway.delete_acls([exactly(acl) for acl in removed])
        self.present = wanted

        def known() -> bool:
            here = set(self.gateway.describe_acls(broker=BROKER))
            return wanted <= here and not removed & here

        eventually(known, every=0.005)

    def compare(self) -> None:
        while True:
            before = self.gateway.describe_acls(broker=BROKER)
            answers = {who: asker.may(self.topics, self.groups) for who, asker in self.askers.items()}
            if set(before) == set(self.gateway.describe_acls(broker=BROKER)):
                break
        authorizer = Authorizer(before, self.supers)
        for (user, host), told in answers.items():
            for (kind, name), operations in told.items():
                self._compare_one(authorizer, f"User:{user}", host, kind, name, operations)
        self.sets += 1

    def _compare_one(
        self,
        authorizer: Authorizer,
        principal: str,
        host: str,
        kind: AclResourceType,
        name: str,
        told: frozenset[AclOperation] | None,
    ) -> None:
        asked = SUPPORTED[kind] if told is not None else frozenset({AclOperation.DESCRIBE})
        for operation in asked:
            question = Question(principal, operation, kind, name, host)
            ours = authorize(question, authorizer)
            theirs = told is not None and operation in told
            self.questions += 1
            self.allowed += theirs
            if ours.allowed != theirs:
                acls = "\n".join(text(acl) for acl in self.present)
                self.disagreements.append(f"{question}: Kafka says {theirs}, we {ours}\n{acls}")


@pytest.fixture
def bench(
    cluster: Cluster, cluster_spec: ClusterSpec, data_paths: DataPaths, gateway: KafkaGateway
) -> Iterator[Bench]:
    prefix = f"t{secrets.token_hex(4)}"
    found = Bench(gateway, prefix, {}, super_users(cluster_spec))
    found.groups = coordinated(gateway, prefix)
    ca = data_paths.cluster(cluster_spec.name).clients / "admin" / "ca.pem"
    node = next(node for node in cluster_spec.nodes if node.id == BROKER)
    for user in found.users:
        gateway.upsert_user_scram_credential(user, CredentialMechanism.SCRAM_SHA_256, "secret-enough", 4096)
    for topic in found.topics:
        gateway.create_topic(topic, 1, 1, {})
    try:
        for user in found.users:
            for host in HOSTS:
                connection = KafkaConnection(
                    node.listener("SASL_SSL").address, scram(user, str(ca)), allow_private=True
                )
                found.askers[user, host] = eventually(partial(asker, connection, host), timeout=30)
        yield found
    finally:
        found.become(frozenset())
        for each in found.askers.values():
            each.close()
        for user in found.users:
            gateway.delete_user_scram_credential(user, CredentialMechanism.SCRAM_SHA_256)
        gateway.delete_topics(found.topics)


def coordinated(gateway: KafkaGateway, prefix: str) -> tuple[str, ...]:
    """Only a group's coordinator tells about it, so the names are such that the broker that is asked is theirs."""
    names = {
        stem: [f"{prefix}{stem}{letter}" for letter in "abcdefghijklmnop"] for stem in ("-a", "-ab", "-b")
    }
    gateway.list_group_offsets([prefix])  # makes the brokers create __consumer_offsets if it is not there yet
    with gateway._call() as call:
        keys = [name for some in names.values() for name in some]
        answer = call.ask(m.FindCoordinator(key_type=0, coordinator_keys=keys))
    ours = {each.key for each in answer.coordinators if each.node_id == BROKER}
    return tuple(next(name for name in some if name in ours) for some in names.values())


def scram(user: str, ca: str) -> ScramTls:
    from controlplane.gateways.kafka.security import ScramMechanism

    return ScramTls(user, "secret-enough", ScramMechanism.SCRAM_SHA_256, Tls(cafile=ca))


def asker(connection: KafkaConnection, host: str) -> Asker | None:
    """A user is known to the broker a moment after its creation."""
    from kafka.errors import KafkaError

    try:
        return Asker(connection, host, BROKER)
    except KafkaError:
        return None


def bindings(prefix: str, names: tuple[str, ...]) -> st.SearchStrategy[Acl]:
    """Any binding but those that would bind other tests: everyone is only spoken to on our names or from 127.0.0.2."""
    mine = st.sampled_from([f"User:{prefix}-ann", f"User:{prefix}-bob"])
    everyone = st.just("User:*")
    own_names = st.sampled_from(
        [
            (name, pattern)
            for name in (*names, *(prefix + end for end in ("-", "-a", "-ab", "-abc")))
            for pattern in ("LITERAL", "PREFIXED")
        ]
    )
    wide_names = st.sampled_from([("*", "LITERAL"), ("t", "PREFIXED"), ("*", "PREFIXED")])
    hosts = st.sampled_from(["*", *HOSTS, "10.9.8.7"])
    kinds = st.sampled_from([AclResourceType.TOPIC, AclResourceType.GROUP])

    def make(
        kind: AclResourceType, named: tuple[str, str], principal: str, host: str, draw: tuple[int, bool]
    ) -> Acl:
        operations = [AclOperation.ALL, AclOperation.DESCRIBE, *sorted(SUPPORTED[kind])]
        permission = AclPermission.ALLOW if draw[1] else AclPermission.DENY
        return Acl(
            principal, host, operations[draw[0] % len(operations)], permission, kind, named[0],
            PatternType(named[1]),
        )  # fmt: skip

    draws = st.tuples(st.integers(0, 200), st.sampled_from([True, True, True, False]))
    cluster = st.just(("kafka-cluster", "LITERAL"))
    return st.one_of(
        st.builds(make, kinds, own_names, st.one_of(mine, everyone), hosts, draws),
        st.builds(make, kinds, wide_names, mine, hosts, draws),
        st.builds(make, kinds, wide_names, everyone, st.just("127.0.0.2"), draws),
        st.builds(make, st.just(AclResourceType.CLUSTER), cluster, mine, hosts, draws),
    )


def run(bench: Bench, sets: int) -> None:
    @settings(
        max_examples=sets,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.frozensets(bindings(bench.prefix, (*bench.topics, *bench.groups)), min_size=1, max_size=14))
    def asked(acls: frozenset[Acl]) -> None:
        bench.become(acls)
        bench.compare()
        assert not bench.disagreements, bench.disagreements[0]

    asked()
    print(
        f"oracle: {bench.sets} ACL sets, {bench.questions} questions, {bench.allowed} allowed, 0 disagreements"
    )
    assert bench.sets >= sets
    assert bench.questions >= 20 * sets
    assert 0 < bench.allowed < bench.questions


@pytest.mark.timeout(600)
def test_it_agrees_with_the_broker_on_five_hundred_random_sets(bench: Bench) -> None:
    """Fifty seconds on two cores; about fifty questions a set."""
    run(bench, SETS)
