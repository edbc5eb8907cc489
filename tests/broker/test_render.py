"""Configuration of nodes: what DESIGN decisions 4, 5 and section 7 demand, per listener and role."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker import render
from broker.cluster import broker_ports
from broker.paths import NodePaths
from broker.ports import listeners
from broker.render import Launch
from broker.spec import ClusterSpec, JvmProfile, NodeSpec

PATHS = NodePaths(Path("/data/nodes/1"))


def node(number: int, *, controller: bool = True) -> NodeSpec:
    base = 19092 + (number - 1) * 10
    return NodeSpec(number, listeners("127.0.0.1", base), base + 4, f"directory-{number}", controller)


def cluster(brokers: int, controllers: int = 3, **more: object) -> ClusterSpec:
    nodes = tuple(node(number, controller=number <= controllers) for number in range(1, brokers + 1))
    return ClusterSpec("main", "a-cluster-id", nodes, **more)  # type: ignore[arg-type]


SPEC = cluster(4)
COMBINED = render.server_properties(SPEC, SPEC.node(1), PATHS)
BROKER_ONLY = render.server_properties(SPEC, SPEC.node(4), PATHS)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("process.roles", "broker,controller"),
        ("node.id", "1"),
        ("controller.quorum.bootstrap.servers", "127.0.0.1:19095,127.0.0.1:19105,127.0.0.1:19115"),
        ("controller.quorum.auto.join.enable", "false"),
        ("inter.broker.listener.name", "INTERNAL"),
        ("listener.security.protocol.map", "CONTROLLER:SSL,INTERNAL:SSL,SSL:SSL,SASL_SSL:SASL_SSL"),
        ("ssl.client.auth", "required"),
        ("ssl.truststore.location", "/data/nodes/1/tls/broker-root.pem"),
        ("listener.name.ssl.ssl.truststore.location", "/data/nodes/1/tls/client-root.pem"),
        ("listener.name.ssl.ssl.client.auth", "required"),
        ("listener.name.ssl.ssl.principal.mapping.rules", "RULE:^CN=([^,]+).*$/$1/,DEFAULT"),
        ("listener.name.sasl_ssl.ssl.client.auth", "none"),
        ("listener.name.sasl_ssl.sasl.enabled.mechanisms", "SCRAM-SHA-256,SCRAM-SHA-512"),
        ("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
        ("allow.everyone.if.no.acl.found", "false"),
        ("auto.create.topics.enable", "false"),
        ("unclean.leader.election.enable", "false"),
    ],
)
def test_a_combined_node_is_configured_as_designed(key: str, value: str) -> None:
    assert COMBINED[key] == value


def test_no_listener_is_plaintext_and_none_maps_names_but_that_of_clients() -> None:
    assert "PLAINTEXT" not in render.properties_text(COMBINED)
    rules = [key for key in COMBINED if key.endswith("principal.mapping.rules")]
    assert rules == ["listener.name.ssl.ssl.principal.mapping.rules"]


def test_a_broker_only_node_has_no_controller_listener_and_no_vote() -> None:
    assert BROKER_ONLY["process.roles"] == "broker"
    assert "CONTROLLER://" not in BROKER_ONLY["listeners"]
    assert (
        BROKER_ONLY["controller.quorum.bootstrap.servers"] == COMBINED["controller.quorum.bootstrap.servers"]
    )
    assert 19125 not in broker_ports(SPEC.node(4))


def test_super_users_are_full_names_of_brokers_and_control_and_the_reserved_user() -> None:
    users = COMBINED["super.users"].split(";")
    assert {"User:CN=broker-1", "User:CN=broker-4", "User:CN=kastellan-control", "User:admin"} <= set(users)
    assert all(user.startswith("User:CN=") or user == "User:admin" for user in users)


@pytest.mark.parametrize(
    ("brokers", "replicas", "in_sync"), [(1, "1", "1"), (2, "2", "1"), (3, "3", "2"), (5, "3", "2")]
)
def test_replication_is_three_as_far_as_there_are_brokers(brokers: int, replicas: str, in_sync: str) -> None:
    spec = cluster(brokers)
    values = render.server_properties(spec, spec.node(1), PATHS)
    for key in ("default", "offsets.topic", "transaction.state.log", "share.coordinator.state.topic"):
        assert values[f"{key}.replication.factor"] == replicas
    assert values["min.insync.replicas"] == values["transaction.state.log.min.isr"] == in_sync


def test_overrides_win() -> None:
    spec = cluster(1, overrides={"num.io.threads": "16"})
    assert render.server_properties(spec, spec.node(1), PATHS)["num.io.threads"] == "16"


def test_the_list_of_voters_is_the_same_for_all_and_names_directories() -> None:
    expected = "1@127.0.0.1:19095:directory-1,2@127.0.0.1:19105:directory-2,3@127.0.0.1:19115:directory-3"
    assert render.initial_controllers(SPEC) == expected


def unescaped(text: str) -> dict[str, str]:
    pairs = (line.split("=", 1) for line in text.splitlines())
    return {key: value.replace("\\\\", "\\") for key, value in pairs}


@given(
    st.dictionaries(
        st.from_regex(r"[a-z.]{1,20}", fullmatch=True), st.from_regex(r"[ -~]{0,40}", fullmatch=True)
    )
)
def test_properties_survive_their_escapes(values: dict[str, str]) -> None:
    assert unescaped(render.properties_text(values)) == values


def argv(spec: ClusterSpec, cache: Path | None = None) -> tuple[str, ...]:
    launch = Launch("/java", (Path("/a.jar"), Path("/b.jar")), Path("/agent.jar"), cache)
    return render.broker_argv(spec, spec.node(2), PATHS, launch)


def test_the_command_line_identifies_the_node_and_carries_no_secret() -> None:
    command = argv(SPEC)
    assert set(render.identity(SPEC, SPEC.node(2))) <= set(command)
    assert not [item for item in command if "password" in item.lower()]
    assert command[-2:] == ("kafka.Kafka", "/data/nodes/1/server.properties")


def test_the_jvm_loads_no_provider_no_foreign_login_module_and_no_remote_jmx() -> None:
    command = argv(SPEC)
    assert "-Dorg.apache.kafka.automatic.config.providers=none" in command
    assert f"-Dorg.apache.kafka.allowed.login.modules={render.LOGIN_MODULE}" in command
    assert not [item for item in command if "jmxremote" in item]


def test_the_heap_and_flags_come_from_the_profile() -> None:
    command = argv(cluster(3, jvm=JvmProfile(1024, ("-XX:+UseG1GC",))))
    assert "-Xmx1024m" in command
    assert "-XX:+UseG1GC" in command
    assert "-XX:+UseSerialGC" not in command


def test_the_cache_is_named_only_where_java_has_one() -> None:
    assert "-XX:AOTCache=/x.aot" in argv(SPEC, Path("/x.aot"))
    assert not [item for item in argv(SPEC) if "AOT" in item]


def test_the_agent_listens_on_the_host_of_the_cluster_with_password_and_policy() -> None:
    values = unescaped(render.jolokia_properties(SPEC, SPEC.node(1), PATHS, "secret"))
    assert (values["host"], values["port"]) == ("127.0.0.1", "19096")
    assert (values["user"], values["password"]) == ("kastellan", "secret")
    assert values["policyLocation"] == "file:///data/nodes/1/jolokia-access.xml"
    assert values["discoveryEnabled"] == "false"


def test_the_agents_policy_is_post_read_only_and_one_operation() -> None:
    policy = ElementTree.fromstring(render.jolokia_policy())
    assert [item.text for item in policy.findall("http/method")] == ["post"]
    assert [item.text for item in policy.findall("commands/command")] == ["read", "list", "search", "version"]
    assert [item.text for item in policy.findall("allow/mbean/name")] == ["java.lang:type=Threading"]
    assert [item.text for item in policy.findall("allow/mbean/operation")] == ["findDeadlockedThreads"]
    assert not policy.findall("allow/mbean/attribute")


def test_addresses_of_version_six_are_bracketed() -> None:
    spec = ClusterSpec("six", "id", (NodeSpec(1, listeners("::1", 19092), 19096, "d", True),), host="::1")
    assert render.bootstrap(spec, "SSL") == "[::1]:19093"


def test_a_specification_survives_its_way_through_json() -> None:
    spec = cluster(4, overrides={"a": "b"}, notes=("said",), jvm=JvmProfile(512, ("-X",)))
    assert ClusterSpec.from_json(spec.to_json()) == spec
