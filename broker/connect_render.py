"""Pure: a Connect worker's specification -> its properties, its login configuration, its command line. No I/O, no clock.

The worker is a client of its cluster like any other: beside a bundled one by mutual TLS, under one principal for itself and
another for its connectors, with no right but those that ACLs give; beside an external one by the way in that was registered. Its REST API listens on loopback and asks for a password (CVE-2024-36543 of others).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from broker import render
from broker.connect_spec import ConnectSpec
from broker.credentials import LeafFiles
from broker.paths import ConnectPaths
from broker.spec import LAPTOP_FLAGS, ClusterSpec, Protocol

#: As whom connectors act. The worker itself has another name, for its topics hold what every connector is told, and the key
#: by which workers know each other: with the rights to them a connector would be the worker.
PRINCIPAL = "kastellan-connect"
OWN_PRINCIPAL = "kastellan-connect-worker"
#: Whoever holds a certificate of such a name acts as the worker, so no user and no other certificate may have it.
NAMES = (PRINCIPAL, OWN_PRINCIPAL)
REST_USER = "kastellan"
STARTED = r"Finished starting connectors and tasks"
_REST_EXTENSION = "org.apache.kafka.connect.rest.basic.auth.extension"
_PROVIDERS = "org.apache.kafka.common.config.provider"

#: What a connector may change of its own producers, consumers and admin clients (KIP-1188): how fast and how safely,
#: never where to and as whom.
OVERRIDES = (
    "acks",
    "auto.offset.reset",
    "batch.size",
    "buffer.memory",
    "client.id",
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.type",
    "compression.zstd.level",
    "delivery.timeout.ms",
    "enable.idempotence",
    "fetch.max.bytes",
    "fetch.max.wait.ms",
    "fetch.min.bytes",
    "group.id",
    "group.instance.id",
    "heartbeat.interval.ms",
    "isolation.level",
    "linger.ms",
    "max.block.ms",
    "max.in.flight.requests.per.connection",
    "max.partition.fetch.bytes",
    "max.poll.interval.ms",
    "max.poll.records",
    "max.request.size",
    "metadata.max.age.ms",
    "receive.buffer.bytes",
    "request.timeout.ms",
    "retries",
    "retry.backoff.ms",
    "send.buffer.bytes",
    "session.timeout.ms",
    "transaction.timeout.ms",
)

#: Modules by which the clients of connectors may log in: MirrorMaker reaches other clusters with them. No JNDI, no LDAP.
LOGIN_MODULES = (
    render.LOGIN_MODULE,
    "org.apache.kafka.common.security.plain.PlainLoginModule",
    "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule",
)


class WorkerTls(LeafFiles):
    """A certificate of the worker or of its connectors, as PEM files that Kafka's clients read."""

    @property
    def keystore(self) -> Path:
        """Key and chain in one file, as `ssl.keystore.type=PEM` wants them."""
        return self.directory / "keystore.pem"


def client_security(tls: WorkerTls, cafile: Path) -> dict[str, str]:
    return {
        "security.protocol": "SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(tls.keystore),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(cafile),
    }


def way(spec: ClusterSpec, tls: WorkerTls, cafile: Path) -> dict[str, str]:
    """How clients beside a bundled cluster reach it with a certificate."""
    return {"bootstrap.servers": render.bootstrap(spec, Protocol.SSL), **client_security(tls, cafile)}


@dataclass(frozen=True, slots=True)
class Ways:
    """How clients reach the worker's cluster, `bootstrap.servers` among the settings: its own, and those of connectors."""

    own: Mapping[str, str]
    connectors: Mapping[str, str]


def worker_properties(worker: ConnectSpec, paths: ConnectPaths, ways: Ways) -> dict[str, str]:
    return {
        "group.id": worker.group,
        "client.id": worker.group,
        **ways.own,
        **{
            f"{client}.{key}": value
            for client in ("producer", "consumer", "admin")
            for key, value in ways.connectors.items()
            if key != "bootstrap.servers"
        },
        **_storage(worker),
        "offset.flush.interval.ms": "5000",
        # The only worker of its group: nobody comes back whose tasks would have to be kept for him.
        "scheduled.rebalance.max.delay.ms": "0",
        "exactly.once.source.support": "enabled" if worker.exactly_once else "disabled",
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "key.converter.schemas.enable": "false",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
        "listeners": worker.url,
        "rest.advertised.host.name": worker.host,
        "rest.advertised.port": str(worker.port),
        "rest.extension.classes": f"{_REST_EXTENSION}.BasicAuthSecurityRestExtension",
        "connector.client.config.override.policy": "Allowlist",
        "connector.client.config.override.allowlist": ",".join(OVERRIDES),
        "config.providers": "file",
        "config.providers.file.class": f"{_PROVIDERS}.FileConfigProvider",
        "config.providers.file.param.allowed.paths": str(paths.credentials),
        "plugin.path": str(paths.plugins),
        "plugin.discovery": "hybrid_warn",
        "topic.creation.enable": "true",
    }


def _storage(worker: ConnectSpec) -> dict[str, str]:
    configs, offsets, status = worker.topics
    return {
        "config.storage.topic": configs,
        "config.storage.replication.factor": "-1",
        "offset.storage.topic": offsets,
        "offset.storage.replication.factor": "-1",
        "offset.storage.partitions": "5",
        "status.storage.topic": status,
        "status.storage.replication.factor": "-1",
        "status.storage.partitions": "3",
    }


def property_value(value: str) -> str:
    """As `java.util.Properties` reads it back: escapes for backslashes, line ends, a leading blank, and beyond Latin-1."""
    named = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f"}
    text = "".join(named.get(char) or (char if " " <= char <= "~" else _unicode(char)) for char in value)
    return f"\\{text}" if text.startswith(" ") else text


def _unicode(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def property_text(value: str) -> str:
    """What `property_value` wrote."""
    named = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}

    def plain(found: re.Match[str]) -> str:
        code = found[1]
        return chr(int(code[1:], 16)) if len(code) > 1 else named.get(code, code)

    units = re.sub(r"\\(u[0-9a-f]{4}|.)", plain, value)
    return units.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "surrogatepass")


def jaas(paths: ConnectPaths) -> str:
    """Who may call the REST API. The extension reads the entry of this very name."""
    return (
        "KafkaConnect {\n"
        f"  {_REST_EXTENSION}.PropertyFileLoginModule required\n"
        f'  file="{paths.rest_users}";\n'
        "};\n"
    )


@dataclass(frozen=True, slots=True)
class ConnectLaunch:
    java: str
    classpath: Sequence[Path]
    agent: Path


def identity(worker: ConnectSpec, cluster_id: str) -> tuple[str, ...]:
    """Of the process. A cluster may be bundled and registered too, so that two workers are beside it."""
    return (
        f"-Dkastellan.cluster.id={cluster_id}",
        f"-Dkastellan.connect={worker.group if worker.outside else 'worker'}",
    )


#: A worker does not end when it is out of memory: a client whose server speaks something else takes its first words for a
#: length (KAFKA-4090), and one connector of many would end all others, at each start anew. Its own thread ends.
FLAGS = tuple(flag for flag in LAPTOP_FLAGS if flag != "-XX:+ExitOnOutOfMemoryError")


def worker_argv(
    worker: ConnectSpec, paths: ConnectPaths, launch: ConnectLaunch, cluster_id: str
) -> tuple[str, ...]:
    return (
        launch.java,
        f"-Xms{min(worker.heap_mb, 128)}m",
        f"-Xmx{worker.heap_mb}m",
        *FLAGS,
        f"-javaagent:{launch.agent}=config={paths.jolokia_properties}",
        "-Djava.awt.headless=true",
        # Not in the machine's own place for temporary files, where it may not write (broker.confine).
        f"-Djava.io.tmpdir={paths.temporary}",
        "-XX:-UsePerfData",
        f"-Dorg.apache.kafka.automatic.config.providers={_PROVIDERS}.FileConfigProvider",
        f"-Dorg.apache.kafka.allowed.login.modules={','.join(LOGIN_MODULES)}",
        f"-Djava.security.auth.login.config={paths.jaas}",
        *identity(worker, cluster_id),
        f"-Dlog4j2.configurationFile={paths.log4j}",
        "-cp",
        ":".join(str(jar) for jar in launch.classpath),
        "org.apache.kafka.connect.cli.ConnectDistributed",
        str(paths.worker_properties),
    )


_QUIET = (
    # Configurations are printed here in full, and at every rebalance.
    "org.apache.kafka.common.config.AbstractConfig",
    "org.apache.kafka.clients.consumer.ConsumerConfig",
    "org.apache.kafka.clients.producer.ProducerConfig",
    "org.apache.kafka.clients.admin.AdminClientConfig",
    "org.apache.kafka.connect.runtime.ConnectorConfig",
    "org.apache.kafka.connect.runtime.SourceConnectorConfig",
    "org.apache.kafka.connect.runtime.SinkConnectorConfig",
    "org.apache.kafka.connect.runtime.TaskConfig",
    "org.apache.kafka.common.utils.AppInfoParser",
    # One line for each REST request, and we ask often.
    "org.apache.kafka.connect.runtime.rest.RestServer",
)

#: XML, since the worker's class path has no YAML reader.
LOG4J = f"""\
<?xml version="1.0" encoding="utf-8"?>
<!-- Written at each start. Standard output is the log file that the supervisor keeps and rotates. -->
<Configuration status="warn" shutdownHook="disable">
  <Appenders>
    <Console name="STDOUT" target="SYSTEM_OUT">
      <!-- The connector and the task that speak; a line break in a message must not begin a line of its own. -->
      <PatternLayout pattern="[%d] %p %X{{connector.context}}%enc{{%m}}{{CRLF}} (%c)%n%xEx"/>
    </Console>
  </Appenders>
  <Loggers>
    <Root level="INFO"><AppenderRef ref="STDOUT"/></Root>
{chr(10).join(f'    <Logger name="{name}" level="WARN"/>' for name in _QUIET)}
  </Loggers>
</Configuration>
"""
