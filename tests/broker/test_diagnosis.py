"""From what processes really say to a cause in plain words. The lines were taken from provoked failures of Kafka 4.4.0 on
Temurin 25 (one node, paths shortened), the JVM's own from Java 17.
"""

from __future__ import annotations

import signal

import pytest

from broker.diagnosis import (
    PERMANENT,
    Cause,
    Diagnosis,
    Facts,
    PortOwner,
    diagnose,
    explain_exit,
    last_error,
    storage_mismatch,
    taken_addresses,
)

NOISE_BEFORE = (
    "[2026-11-24 03:58:31,100] INFO Registered signal handlers (org.apache.kafka.common.utils.LoggingSignalHandler)",
)
NOISE_AFTER = (
    "\tat kafka.Kafka.main(Kafka.scala)",
    "[2026-11-24 03:58:32,920] INFO [QuorumController id=1] writeNoOpRecord: event unable to start processing because of "
    "RejectedExecutionException (treated as TimeoutException). Exception message: The event queue is shutting down "
    "(org.apache.kafka.controller.QuorumController)",
)

PORT = """\
[2026-11-24 03:58:32,625] ERROR Unable to start acceptor for SASL_SSL (kafka.network.DataPlaneAcceptor)
org.apache.kafka.common.KafkaException: Socket server failed to bind to 127.0.0.1:29000: Address already in use.
Caused by: java.net.BindException: Address already in use
[2026-11-24 03:58:32,628] ERROR [BrokerServer id=1] Received a fatal error while waiting for all of the SocketServer Acceptors to be started (kafka.server.BrokerServer)
java.lang.RuntimeException: Unable to start acceptor for SASL_SSL"""
AGENT_PORT = "Could not start Jolokia agent: java.net.BindException: Address already in use"
NODE_ID = """\
[2026-11-24 03:59:56,889] ERROR Exiting Kafka due to fatal exception (kafka.Kafka$)
java.lang.RuntimeException: Stored node id 7 doesn't match previous node id 1 in /data/nodes/1/data/meta.properties. If you moved your data, make sure your configured node id matches. If you intend to create a new node, you should remove all data in your data directories."""
NO_META = """\
[2026-11-24 04:00:13,589] ERROR Exiting Kafka due to fatal exception (kafka.Kafka$)
java.lang.RuntimeException: No readable meta.properties files found."""
KEY_GARBAGE = """\
[2026-11-24 04:00:15,305] ERROR Encountered fatal fault: caught exception (org.apache.kafka.server.fault.ProcessTerminatingFaultHandler)
org.apache.kafka.common.errors.InvalidConfigurationException: Failed to load PEM SSL keystore /data/nodes/1/tls/keystore.pem
Caused by: org.apache.kafka.common.errors.InvalidConfigurationException: Invalid PEM keystore configs
Caused by: org.apache.kafka.common.errors.InvalidConfigurationException: No matching PRIVATE KEY entries in PEM file"""
KEY_MISSING = """\
[2026-11-24 04:00:18,827] ERROR Modification time of key store could not be obtained: /data/nodes/1/tls/keystore.pem (org.apache.kafka.common.security.ssl.DefaultSslEngineFactory)
java.nio.file.NoSuchFileException: /data/nodes/1/tls/keystore.pem
[2026-11-24 04:00:18,830] ERROR Encountered fatal fault: caught exception (org.apache.kafka.server.fault.ProcessTerminatingFaultHandler)
org.apache.kafka.common.errors.InvalidConfigurationException: Failed to load PEM SSL keystore /data/nodes/1/tls/keystore.pem
Caused by: java.io.IOException: Unable to read file /data/nodes/1/tls/keystore.pem
Caused by: java.nio.file.NoSuchFileException: /data/nodes/1/tls/keystore.pem"""
TRUST_GARBAGE = """\
[2026-11-24 04:00:20,633] ERROR Encountered fatal fault: caught exception (org.apache.kafka.server.fault.ProcessTerminatingFaultHandler)
org.apache.kafka.common.errors.InvalidConfigurationException: Failed to load PEM SSL keystore /data/nodes/1/tls/broker-root.pem
Caused by: org.apache.kafka.common.errors.InvalidConfigurationException: No matching CERTIFICATE entries in PEM file"""
LOCK = """\
[2026-11-24 04:00:55,068] ERROR [BrokerServer id=1] Fatal error during broker startup. Prepare to shutdown (kafka.server.BrokerServer)
org.apache.kafka.common.KafkaException: Failed to acquire lock on file .lock in /data/nodes/1/data. A Kafka instance in another process or thread is using this directory."""
CONFIG_VALUE = """\
[2026-11-24 04:00:56,638] ERROR Exiting Kafka due to fatal exception (kafka.Kafka$)
org.apache.kafka.common.config.ConfigException: Invalid value banana for configuration num.io.threads: Not a number of type INT"""
CONFIG_LISTENER = """\
[2026-11-24 04:00:58,492] ERROR Exiting Kafka due to fatal exception (kafka.Kafka$)
java.lang.IllegalArgumentException: Error creating broker listeners from '[PLAINTEXT://0.0.0.0:1]': No security protocol defined for listener PLAINTEXT"""
HEAP = "Terminating due to java.lang.OutOfMemoryError: Java heap space"
OLD_JAVA_OPTION = """\
Unrecognized VM option 'AOTCache=/artifacts/aot/ff900bbb1971d0354b67a52a.aot'
Error: Could not create the Java Virtual Machine.
Error: A fatal exception has occurred. Program will exit."""
OLD_JAVA_CLASS = """\
Error: LinkageError occurred while loading main class Hello
\tjava.lang.UnsupportedClassVersionError: Hello has been compiled by a more recent version of the Java Runtime (class file version 69.0), this version of the Java Runtime only recognizes class file versions up to 61.0"""
DISK_FULL_RUNNING = """\
[2026-11-24 04:01:58,360] ERROR Error while appending records to __cluster_metadata-0 in dir /data/nodes/1/data (org.apache.kafka.storage.internals.log.LogDirFailureChannel)
java.io.IOException: No space left on device
[2026-11-24 04:01:58,362] ERROR Encountered fatal fault: Unexpected error in raft IO thread (org.apache.kafka.server.fault.ProcessTerminatingFaultHandler)
org.apache.kafka.common.errors.KafkaStorageException: Error while appending records to __cluster_metadata-0 in dir /data/nodes/1/data
Caused by: java.io.IOException: No space left on device"""
# On a full disk the first thing that fails is the memory-mapped index: the text does not say why, the disk does.
DISK_FULL_AT_START = """\
[2026-11-24 04:01:38,142] ERROR [SharedServer id=1] Got exception while starting SharedServer (kafka.server.SharedServer)
java.lang.InternalError: a fault occurred in an unsafe memory access operation"""
UVICORN_PORT = "ERROR:    [Errno 98] error while attempting to bind on address ('127.0.0.1', 8000): address already in use"
REDIS_PORT = (
    "# Warning: Could not create server TCP listening socket 127.0.0.1:6379: bind: Address already in use"
)
CELERY_ERROR = """\
Traceback (most recent call last):
  File "celery.py", line 1, in <module>
ModuleNotFoundError: No module named 'controlplane.config.celery'"""

OWNER = PortOwner(4711, "java kafka.Kafka server.properties")
FULL = Facts(full=("/data/nodes/1/data",))


@pytest.mark.parametrize(
    ("text", "facts", "cause", "words"),
    [
        (
            PORT,
            Facts(owners={"127.0.0.1:29000": OWNER}),
            Cause.PORT_TAKEN,
            "127.0.0.1:29000 is already taken by process 4711 (java",
        ),
        (
            PORT,
            Facts(),
            Cause.PORT_TAKEN,
            "127.0.0.1:29000 is already taken by a process that this user may not",
        ),
        (AGENT_PORT, Facts(owners={"127.0.0.1:29004": OWNER}), Cause.PORT_TAKEN, "127.0.0.1:29004"),
        (
            UVICORN_PORT,
            Facts(owners={"127.0.0.1:8000": OWNER}),
            Cause.PORT_TAKEN,
            "127.0.0.1:8000 is already taken by process 4711",
        ),
        (
            REDIS_PORT,
            Facts(owners={"127.0.0.1:6379": OWNER}),
            Cause.PORT_TAKEN,
            "127.0.0.1:6379 is already taken by process 4711",
        ),
        (
            NODE_ID,
            Facts(),
            Cause.STORAGE_MISMATCH,
            "/data/nodes/1/data/meta.properties says node.id=7, this is node 1.",
        ),
        (NO_META, Facts(), Cause.NOT_FORMATTED, "not formatted, or not mounted"),
        (
            KEY_GARBAGE,
            Facts(),
            Cause.UNREADABLE_KEY,
            "/data/nodes/1/tls/keystore.pem cannot be used: No matching PRIVATE KEY entries",
        ),
        (KEY_MISSING, Facts(), Cause.UNREADABLE_KEY, "Unable to read file /data/nodes/1/tls/keystore.pem."),
        (TRUST_GARBAGE, Facts(), Cause.UNREADABLE_KEY, "/data/nodes/1/tls/broker-root.pem cannot be used"),
        (
            LOCK,
            Facts(),
            Cause.DIRECTORY_LOCKED,
            "on the data directory /data/nodes/1/data: it holds the lock",
        ),
        (CONFIG_VALUE, Facts(), Cause.BAD_CONFIG, "Invalid value banana for configuration num.io.threads"),
        (CONFIG_LISTENER, Facts(), Cause.BAD_CONFIG, "No security protocol defined for listener PLAINTEXT"),
        (HEAP, Facts(), Cause.OUT_OF_MEMORY, "Java ran out of memory (Java heap space)."),
        (OLD_JAVA_OPTION, Facts(), Cause.WRONG_JAVA, "too old"),
        (OLD_JAVA_CLASS, Facts(), Cause.WRONG_JAVA, "too old"),
        (DISK_FULL_RUNNING, Facts(), Cause.DISK_FULL, "The disk is full (/data/nodes/1/data)."),
        (DISK_FULL_AT_START, FULL, Cause.DISK_FULL, "The disk is full (/data/nodes/1/data)."),
        ("", FULL, Cause.DISK_FULL, "The disk is full (/data/nodes/1/data)."),
        ("OSError: [Errno 28] No space left on device", Facts(), Cause.DISK_FULL, "The disk is full."),
        (CELERY_ERROR, Facts(), Cause.UNKNOWN, "its last error was: ModuleNotFoundError: No module named"),
        ("all is well", Facts(), Cause.UNKNOWN, "It exited with code 1."),
        ("", Facts(timed_out_after=90), Cause.START_TIMEOUT, "It was not ready after 90 s and was stopped."),
        (PORT, Facts(timed_out_after=90), Cause.PORT_TAKEN, "127.0.0.1:29000"),
    ],
)
def test_a_cause_is_told_from_the_log(text: str, facts: Facts, cause: Cause, words: str) -> None:
    found = diagnose(1, (*NOISE_BEFORE, *text.splitlines(), *NOISE_AFTER), facts)
    assert (found.cause, words in found.what) == (cause, True), found.what
    assert found.hint


def test_the_six_causes_that_no_restart_cures_are_permanent() -> None:
    six = {
        Cause.PORT_TAKEN,
        Cause.STORAGE_MISMATCH,
        Cause.DISK_FULL,
        Cause.WRONG_JAVA,
        Cause.UNREADABLE_KEY,
        Cause.DIRECTORY_LOCKED,
    }
    assert six < PERMANENT
    assert PERMANENT.isdisjoint({Cause.OUT_OF_MEMORY, Cause.KILLED, Cause.START_TIMEOUT, Cause.UNKNOWN})


@pytest.mark.parametrize(
    ("code", "kills", "cause", "words"),
    [
        (-signal.SIGKILL, 0, Cause.KILLED, "It was killed by SIGKILL; Kastellan did not send it."),
        (-signal.SIGKILL, 1, Cause.OUT_OF_MEMORY, "The kernel killed it because memory ran out"),
        (-signal.SIGSEGV, 0, Cause.KILLED, "SIGSEGV"),
        (143, 0, Cause.KILLED, "It was ended by SIGTERM; Kastellan did not send it."),
        (None, 0, Cause.UNKNOWN, "its exit code is unknown"),
    ],
)
def test_after_a_signal_the_log_is_not_believed(
    code: int | None, kills: int, cause: Cause, words: str
) -> None:
    found = diagnose(code, ["INFO all is well"], Facts(memory_limit_kills=kills))
    assert (found.cause, words in found.what) == (cause, True), found.what
    if code is not None:
        assert diagnose(code, LOCK.splitlines(), Facts(memory_limit_kills=kills)).cause is cause


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "exited with code 0"),
        (143, "exited with code 143"),
        (-9, "was killed by SIGKILL"),
        (-100, "was killed by signal 100"),
        (None, "ended (it was adopted, so its exit code is unknown)"),
    ],
)
def test_an_exit_is_explained(code: int | None, words: str) -> None:
    assert explain_exit(code) == words


META = "#\n#Tue Nov 24 03:57:27 UTC 2026\nversion=1\ncluster.id=lT9mpBfY\nnode.id=1\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (META, None),
        (META.replace("lT9mpBfY", "other"), "says cluster.id=other, expected is cluster.id=lT9mpBfY."),
        (META.replace("node.id=1", "node.id=7"), "says node.id=7, expected is node.id=1."),
        ("", "says nothing about cluster.id"),
    ],
)
def test_a_data_directory_is_compared_before_the_start(text: str, words: str | None) -> None:
    """Kafka takes any cluster id that it finds there for its own, so nobody else would notice."""
    found = storage_mismatch("/data/meta.properties", text, ("cluster.id=lT9mpBfY", "node.id=1"))
    if words is None:
        assert found is None
    else:
        assert found is not None
        assert found.cause is Cause.STORAGE_MISMATCH
        assert words in found.what


def test_the_addresses_worth_looking_up_are_read_from_the_log() -> None:
    assert taken_addresses(PORT.splitlines()) == ("127.0.0.1:29000",)
    assert taken_addresses([UVICORN_PORT, REDIS_PORT]) == ("127.0.0.1:8000", "127.0.0.1:6379")


def test_the_last_error_is_no_information_line_that_mentions_an_exception() -> None:
    assert last_error((*LOCK.splitlines(), *NOISE_AFTER)).startswith("org.apache.kafka.common.KafkaException")


def test_a_diagnosis_travels_as_json() -> None:
    found = Diagnosis(Cause.DISK_FULL, "The disk is full.", "Free space.")
    assert Diagnosis.from_json(found.to_json()) == found
