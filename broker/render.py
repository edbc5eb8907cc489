"""Pure: a cluster's specification -> Kafka's properties, the logging configuration, the agent's files, the JVM's arguments.

The settings are those of DESIGN decisions 4 and 5; a key in `ClusterSpec.overrides` replaces ours. No I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from broker.credentials import ADMIN_USER, CONTROL_NAME, NodeTls, broker_name
from broker.paths import NodePaths
from broker.spec import CONTROLLER, INTERNAL, ClusterSpec, JvmProfile, Listener, NodeSpec, Protocol

JOLOKIA_USER = "kastellan"
MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-512")
# `super.users` cannot change without a restart, so nodes that may be added later are named beforehand. Only the
# broker CA certifies these names, and client certificates are mapped to their bare common name on their listener.
SUPER_BROKER_IDS = 16
LOGIN_MODULE = "org.apache.kafka.common.security.scram.ScramLoginModule"
# How the SSL listener makes a principal of a client certificate's subject: its bare common name.
PRINCIPAL_RULES_KEY = "listener.name.ssl.ssl.principal.mapping.rules"
PRINCIPAL_RULES = "RULE:^CN=([^,]+).*$/$1/,DEFAULT"

LAPTOP: Mapping[str, str] = {
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
    "num.recovery.threads.per.data.dir": "1",
    "num.replica.alter.log.dirs.threads": "1",
    "log.cleaner.threads": "1",
    "log.cleaner.dedupe.buffer.size": "16777216",
    "log.cleaner.io.buffer.size": "262144",
    "offsets.topic.num.partitions": "12",
    "transaction.state.log.num.partitions": "12",
    "share.coordinator.state.topic.num.partitions": "6",
    "group.initial.rebalance.delay.ms": "500",
}


def properties_text(values: Mapping[str, str]) -> str:
    """Java properties: backslashes are escapes there, so ours are doubled."""
    return "".join(f"{key}={value.replace(chr(92), chr(92) * 2)}\n" for key, value in values.items())


def server_properties(spec: ClusterSpec, node: NodeSpec, paths: NodePaths) -> dict[str, str]:
    values = {
        **_identity(spec, node, paths.data),
        **_listeners(node),
        **_tls(NodeTls(paths.tls)),
        **_scram(),
        **_authorization(spec),
        **_durability(len(spec.nodes)),
        **LAPTOP,
    }
    return {**values, **spec.overrides}


def storage_properties(spec: ClusterSpec, node: NodeSpec, paths: NodePaths, data: Path) -> dict[str, str]:
    """For the formatting tool: the same node, its log directory elsewhere until it is whole."""
    return {**server_properties(spec, node, paths), "log.dirs": str(data)}


def _identity(spec: ClusterSpec, node: NodeSpec, data: Path) -> dict[str, str]:
    return {
        "process.roles": "broker,controller" if node.controller else "broker",
        "node.id": str(node.id),
        "controller.quorum.bootstrap.servers": ",".join(
            item.listener(CONTROLLER).address for item in spec.controllers
        ),
        "controller.quorum.auto.join.enable": "false",
        "log.dirs": str(data),
    }


def _listeners(node: NodeSpec) -> dict[str, str]:
    def addresses(listeners: Iterable[Listener]) -> str:
        return ",".join(f"{item.name}://{item.address}" for item in listeners)

    used = [item for item in node.listeners if node.controller or item.name != CONTROLLER]
    return {
        "listeners": addresses(used),
        "advertised.listeners": addresses(used),
        "controller.listener.names": CONTROLLER,
        "inter.broker.listener.name": INTERNAL,
        "listener.security.protocol.map": "CONTROLLER:SSL,INTERNAL:SSL,SSL:SSL,SASL_SSL:SASL_SSL",
    }


def _tls(files: NodeTls) -> dict[str, str]:
    """CONTROLLER and INTERNAL trust the broker CA alone, SSL the client CA alone; SASL_SSL asks for no certificate."""
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(files.keystore),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(files.broker_root),
        "ssl.client.auth": "required",
        "ssl.enabled.protocols": "TLSv1.3,TLSv1.2",
        "listener.name.ssl.ssl.truststore.type": "PEM",
        "listener.name.ssl.ssl.truststore.location": str(files.client_root),
        "listener.name.ssl.ssl.client.auth": "required",
        PRINCIPAL_RULES_KEY: PRINCIPAL_RULES,
        "listener.name.sasl_ssl.ssl.client.auth": "none",
    }


def _scram() -> dict[str, str]:
    listener = "listener.name.sasl_ssl"
    login = {
        f"{listener}.{name.lower()}.sasl.jaas.config": f"{LOGIN_MODULE} required;" for name in MECHANISMS
    }
    enabled = ",".join(MECHANISMS)
    return {"sasl.enabled.mechanisms": enabled, f"{listener}.sasl.enabled.mechanisms": enabled, **login}


def super_users(spec: ClusterSpec) -> tuple[str, ...]:
    """The principals that the authorizer lets do everything: brokers, the control plane, and the user `admin`."""
    ids = range(1, max(SUPER_BROKER_IDS, *(node.id for node in spec.nodes)) + 1)
    names = [*(f"CN={broker_name(node_id)}" for node_id in ids), f"CN={CONTROL_NAME}", ADMIN_USER]
    return tuple(f"User:{name}" for name in names)


def principal_rules(spec: ClusterSpec) -> str:
    return spec.overrides.get(PRINCIPAL_RULES_KEY, PRINCIPAL_RULES)


def _authorization(spec: ClusterSpec) -> dict[str, str]:
    return {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": ";".join(super_users(spec)),
    }


def _durability(nodes: int) -> dict[str, str]:
    """Three replicas, two of them in sync, as far as there are nodes."""
    replicas, in_sync = str(min(3, nodes)), "2" if nodes >= 3 else "1"
    return {
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": replicas,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": in_sync,
        "num.partitions": "3",
        "auto.create.topics.enable": "false",
        # After a restart leaders go back to where they belong within half a minute, not five.
        "leader.imbalance.check.interval.seconds": "30",
        "delete.topic.enable": "true",
        "unclean.leader.election.enable": "false",
        "controlled.shutdown.enable": "true",
        "initial.broker.registration.timeout.ms": "120000",
    }


LOG4J = """\
# Written at each start. Standard output is the log file that the supervisor keeps and rotates.
Configuration:
  status: warn
  shutdownHook: disable
  Appenders:
    Console:
      name: STDOUT
      target: SYSTEM_OUT
      PatternLayout:
        # Messages hold names that clients choose: a line break in one must not begin a line of its own.
        pattern: "[%d] %p %enc{%m}{CRLF} (%c)%n"
  Loggers:
    Root:
      level: INFO
      AppenderRef:
        - ref: STDOUT
    Logger:
      # Denied operations are INFO here: they are what people look for first when a client cannot work.
      - name: kafka.authorizer.logger
        level: INFO
      - name: state.change.logger
        level: WARN
      - name: org.apache.kafka.common.config.AbstractConfig
        level: WARN
      - name: kafka.server.KafkaConfig
        level: WARN
      - name: kafka.request.logger
        level: WARN
      - name: org.apache.kafka.common.utils.AppInfoParser
        level: WARN
"""

_POLICY = """\
<?xml version="1.0" encoding="utf-8"?>
<restrict>
  <http><method>post</method></http>
  <!-- Without an entry here every origin is allowed; strict checking would refuse requests that have no origin. -->
  <cors><allow-origin>http://no.invalid</allow-origin></cors>
  <commands>
    <command>read</command><command>list</command><command>search</command><command>version</command>
  </commands>
  <allow>
    <mbean>
      <name>java.lang:type=Threading</name>
      <operation>findDeadlockedThreads</operation>
    </mbean>
  </allow>
</restrict>
"""


def jolokia_policy() -> str:
    """Read-only, POST only, no page of another origin; of all operations only the search for deadlocks."""
    return _POLICY


def jolokia_properties(spec: ClusterSpec, node: NodeSpec, paths: NodePaths, password: str) -> str:
    return jolokia_agent(spec.host, node.jolokia_port, password, paths.jolokia_policy)


def jolokia_agent(host: str, port: int, password: str, policy: Path) -> str:
    """The agent's configuration, beside any JVM of ours."""
    return properties_text(
        {
            "host": host,
            "port": str(port),
            "protocol": "http",
            "agentContext": "/jolokia",
            "user": JOLOKIA_USER,
            "password": password,
            "policyLocation": escape(policy.as_uri()),
            "discoveryEnabled": "false",
            "threadNr": "2",
            "executor": "fixed",
            "includeStackTrace": "false",
            "allowErrorDetails": "true",
        }
    )


@dataclass(frozen=True, slots=True)
class Launch:
    """What a node's command line is made of, beside its specification."""

    java: str
    classpath: Sequence[Path]
    agent: Path
    aot_cache: Path | None


def jvm_flags(jvm: JvmProfile) -> tuple[str, ...]:
    return (f"-Xms{min(jvm.heap_mb, 256)}m", f"-Xmx{jvm.heap_mb}m", *jvm.flags)


def cache_key_flags(jvm: JvmProfile) -> tuple[str, ...]:
    """The flags that an AOT cache depends on; the size of the heap is not among them."""
    return jvm.flags


def hardening_flags() -> tuple[str, ...]:
    return (
        "-Djava.awt.headless=true",
        "-Dorg.apache.kafka.automatic.config.providers=none",
        # The only one that a listener uses; JNDI and LDAP modules have been a way in.
        f"-Dorg.apache.kafka.allowed.login.modules={LOGIN_MODULE}",
    )


def identity(spec: ClusterSpec, node: NodeSpec) -> tuple[str, ...]:
    """What tells this node's process from any other."""
    return (f"-Dkastellan.cluster.id={spec.cluster_id}", f"-Dkastellan.node.id={node.id}")


def broker_argv(spec: ClusterSpec, node: NodeSpec, paths: NodePaths, launch: Launch) -> tuple[str, ...]:
    # A cache that is missing or does not fit is passed over by the JVM; a log line would only alarm people.
    cache = (f"-XX:AOTCache={launch.aot_cache}", "-Xlog:aot=off", "-Xlog:cds=off") if launch.aot_cache else ()
    return (
        launch.java,
        *jvm_flags(spec.jvm),
        *cache,
        f"-javaagent:{launch.agent}=config={paths.jolokia_properties}",
        *hardening_flags(),
        *identity(spec, node),
        f"-Dlog4j2.configurationFile={paths.log4j}",
        "-cp",
        ":".join(str(jar) for jar in launch.classpath),
        "kafka.Kafka",
        str(paths.server_properties),
    )


def initial_controllers(spec: ClusterSpec) -> str:
    """The same list for every node, in the formatting tool's notation."""
    voters = ((node, node.listener(CONTROLLER).address) for node in spec.controllers)
    return ",".join(f"{node.id}@{address}:{node.directory_id}" for node, address in voters)


def bootstrap(spec: ClusterSpec, listener: Protocol | str) -> str:
    return ",".join(node.listener(str(listener)).address for node in spec.staying)
