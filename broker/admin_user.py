"""The SCRAM user `admin` of a bundled cluster, made over the protocol after readiness, and the files for people's tools.

Its password is random, lives in one 0600 file, and never is an argument of a process. Done again, it heals.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from functools import partial

from broker import wire
from broker.cluster import bootstrap, control_credentials, ensure_secret
from broker.credentials import ADMIN_USER, ClientFiles, ControlCredentials, admin_files
from broker.errors import BundledError
from broker.paths import DataPaths, write_if_changed
from broker.render import LOGIN_MODULE
from broker.spec import INTERNAL, ClusterSpec, Listener, Protocol

ITERATIONS = 8192
HASHES = {1: "sha256", 2: "sha512"}
MECHANISM = "SCRAM-SHA-512"
ATTEMPT_S = 10.0
PAUSE_S = 0.2


class AdminUserError(BundledError):
    """The user could not be made."""


def ensure_admin_user(paths: DataPaths, spec: ClusterSpec, *, timeout: float = 60) -> ClientFiles:
    """Sets the password (again) through any broker, waits until every broker that runs knows the user, writes the files."""
    name = "admin-password" if spec.name == "main" else f"admin-password-{spec.name}"
    password = ensure_secret(paths, name)
    deadline = time.monotonic() + timeout
    credentials = control_credentials(paths, spec)
    listeners = [node.listener(INTERNAL) for node in spec.nodes]
    _set_password(listeners, credentials, password, deadline)
    _await_everywhere(listeners, credentials, deadline)
    files = admin_files(paths.cluster(spec.name))
    write_if_changed(files.ca, credentials.cafile.read_text())
    write_if_changed(files.java, java_properties(spec, files, password))
    write_if_changed(files.kcat, kcat_configuration(spec, files))
    return files


def salted_password(password: str, algorithm: str, salt: bytes, iterations: int = ITERATIONS) -> bytes:
    """Hi() of RFC 5802, which is PBKDF2 with one block."""
    return hashlib.pbkdf2_hmac(algorithm, password.encode(), salt, iterations)


def upsertions(password: str) -> tuple[wire.Upsertion, ...]:
    salts = ((mechanism, algorithm, secrets.token_bytes(32)) for mechanism, algorithm in HASHES.items())
    return tuple(
        wire.Upsertion(ADMIN_USER, mechanism, ITERATIONS, salt, salted_password(password, algorithm, salt))
        for mechanism, algorithm, salt in salts
    )


def java_properties(spec: ClusterSpec, files: ClientFiles, password: str) -> str:
    login = f'{LOGIN_MODULE} required username="{ADMIN_USER}" password="{password}";'
    return (
        f"bootstrap.servers={bootstrap(spec, Protocol.SASL_SSL)}\n"
        "security.protocol=SASL_SSL\n"
        f"sasl.mechanism={MECHANISM}\n"
        f"sasl.jaas.config={login}\n"
        "ssl.truststore.type=PEM\n"
        f"ssl.truststore.location={files.ca}\n"
    )


def kcat_configuration(spec: ClusterSpec, files: ClientFiles) -> str:
    """By certificate: librdkafka before 2.6.1, which distributions still ship, cannot do SCRAM with Kafka 3.8.1 and later."""
    return (
        f"bootstrap.servers={bootstrap(spec, Protocol.SSL)}\n"
        "security.protocol=SSL\n"
        f"ssl.ca.location={files.ca}\n"
        f"ssl.certificate.location={files.certificate}\n"
        f"ssl.key.location={files.key}\n"
    )


def _set_password(
    listeners: list[Listener], credentials: ControlCredentials, password: str, deadline: float
) -> None:
    """One request per mechanism: Kafka takes a user once in a request."""

    def attempt(body: bytes, listener: Listener) -> str | None:
        reader = wire.exchange(listener, credentials, wire.ALTER_SCRAM, body, ATTEMPT_S)
        failed = [item for item in wire.alter_scram_response(reader) if item.error_code]
        return f"error {failed[0].error_code}: {failed[0].error_message}" if failed else None

    for upsertion in upsertions(password):
        _until(partial(attempt, wire.alter_scram_request([upsertion])), _around(listeners), deadline)


def _await_everywhere(listeners: list[Listener], credentials: ControlCredentials, deadline: float) -> None:
    """The change is visible on a broker only after it has replayed the metadata; one that is down does not count."""
    body = wire.describe_scram_request([ADMIN_USER])

    def attempt(listener: Listener) -> str | None:
        try:
            reader = wire.exchange(listener, credentials, wire.DESCRIBE_SCRAM, body, ATTEMPT_S)
        except ConnectionRefusedError:
            return None
        known = [item for item in wire.describe_scram_response(reader) if set(item.mechanisms) == set(HASHES)]
        return None if known else "the user is not known there yet"

    for listener in listeners:
        _until(attempt, _around([listener]), deadline)


def _around(listeners: list[Listener]) -> Iterator[Listener]:
    while True:
        yield from listeners


def _until(attempt: Callable[[Listener], str | None], targets: Iterator[Listener], deadline: float) -> None:
    """Tries one target after another until an attempt has no complaint."""
    for listener in targets:
        try:
            complaint = attempt(listener)
        except (OSError, wire.WireError) as error:
            complaint = str(error)
        if complaint is None:
            return
        if time.monotonic() > deadline:
            raise AdminUserError(
                f"the user {ADMIN_USER} could not be made through {listener.address}: {complaint}",
                "Do the brokers run? ./run status, then ./run up again.",
            )
        time.sleep(PAUSE_S)
