"""How a cluster is reached: one value, turned into kafka-python's and librdkafka's own settings.

Only these four kinds exist. There is no free-form option, so no JAAS line, class name, library path or plugin can
be smuggled into a client.
"""

from __future__ import annotations

import ssl
import tempfile
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from controlplane.gateways.errors import InvalidRequest

ClientSettings = dict[str, str | int | float | bool]


class ScramMechanism(StrEnum):
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


@dataclass(frozen=True, slots=True)
class Plaintext:
    """Neither encrypted nor authenticated."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Trust and, for mTLS, our own certificate. Each PEM is a path (`*file`) or text (`*_pem`), never both.

    Without any CA the system's trust store decides.
    """

    cafile: str = ""
    certfile: str = ""
    keyfile: str = ""
    ca_pem: str = ""
    cert_pem: str = ""
    key_pem: str = field(default="", repr=False)
    key_password: str = field(default="", repr=False)
    check_hostname: bool = True

    def __post_init__(self) -> None:
        for path, text in ((self.cafile, self.ca_pem), (self.certfile, self.cert_pem)):
            if path and text:
                raise InvalidRequest("A PEM is given both as a file and as text", "Give one of the two")
        if bool(self.certfile or self.cert_pem) != bool(self.keyfile or self.key_pem):
            raise InvalidRequest("A client certificate needs its private key, and a key its certificate")


@dataclass(frozen=True, slots=True)
class ScramTls:
    """A user name and password, proven by SCRAM inside TLS."""

    username: str
    password: str = field(repr=False)
    mechanism: ScramMechanism = ScramMechanism.SCRAM_SHA_512
    tls: Tls = field(default_factory=Tls)


@dataclass(frozen=True, slots=True)
class PlainTls:
    """SASL PLAIN: the password itself travels, so only inside TLS."""

    username: str
    password: str = field(repr=False)
    tls: Tls = field(default_factory=Tls)


Security = Plaintext | Tls | ScramTls | PlainTls


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """`bootstrap` is `host:port,host:port`. `allow_private` is an administrator's word that this cluster may
    live on (and advertise) private or loopback addresses; the bundled clusters have it.
    """

    bootstrap: str
    security: Security = field(default_factory=Plaintext)
    allow_private: bool = True
    client_id: str = "kastellan"

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        return tuple(split_address(part) for part in self.bootstrap.split(",") if part.strip())


def split_address(text: str) -> tuple[str, int]:
    """`host:port`, `[v6]:port`; raises `InvalidRequest` for anything else."""
    host, separator, port = text.strip().rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not separator or not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise InvalidRequest(f"{text.strip()!r} is not host:port", "For example broker1.example.org:9092")
    if any(c.isspace() or c in "/@?#\\" for c in host):
        raise InvalidRequest(f"{host!r} is not a host name")
    return host, int(port)


def tls_of(security: Security) -> Tls | None:
    match security:
        case Plaintext():
            return None
        case Tls():
            return security
        case ScramTls() | PlainTls():
            return security.tls


def kafka_python_settings(connection: KafkaConnection) -> dict[str, object]:
    """Keyword arguments of kafka-python's client; TLS always as a context that we built."""
    tls = tls_of(connection.security)
    settings: dict[str, object] = {
        "bootstrap_servers": [_joined(host, port) for host, port in connection.addresses],
        "client_id": connection.client_id,
        "security_protocol": _protocol(connection.security),
    }
    if tls is not None:
        settings["ssl_context"] = ssl_context(tls)
    if isinstance(connection.security, ScramTls | PlainTls):
        settings["sasl_mechanism"] = _mechanism(connection.security)
        settings["sasl_plain_username"] = connection.security.username
        settings["sasl_plain_password"] = connection.security.password
    return settings


def librdkafka_settings(connection: KafkaConnection) -> ClientSettings:
    settings: ClientSettings = {
        "bootstrap.servers": ",".join(_joined(host, port) for host, port in connection.addresses),
        "client.id": connection.client_id,
        "security.protocol": _protocol(connection.security),
    }
    tls = tls_of(connection.security)
    if tls is not None:
        settings |= _librdkafka_tls(tls)
    if isinstance(connection.security, ScramTls | PlainTls):
        settings["sasl.mechanisms"] = _mechanism(connection.security)
        settings["sasl.username"] = connection.security.username
        settings["sasl.password"] = connection.security.password
    return settings


def ssl_context(tls: Tls) -> ssl.SSLContext:
    """TLS 1.2 or newer, always verifying; raises `InvalidRequest` when a PEM cannot be read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = tls.check_hostname
    try:
        _load_trust(context, tls)
        _load_identity(context, tls)
    except FileNotFoundError as error:
        raise InvalidRequest(f"A certificate file is missing: {error.filename or error}") from error
    except (ssl.SSLError, ValueError, OSError) as error:
        raise InvalidRequest(
            f"A certificate or key could not be read: {error}",
            "Give PEM; the key must belong to the certificate, and its password be right",
        ) from error
    return context


def _load_trust(context: ssl.SSLContext, tls: Tls) -> None:
    if tls.cafile:
        context.load_verify_locations(cafile=tls.cafile)
    elif tls.ca_pem:
        context.load_verify_locations(cadata=tls.ca_pem)
    else:
        context.load_default_certs()


def _load_identity(context: ssl.SSLContext, tls: Tls) -> None:
    if not (tls.certfile or tls.cert_pem):
        return
    # The ssl module reads a chain from files only: texts pass through a private directory for a moment.
    with tempfile.TemporaryDirectory(prefix="kastellan-pem-") as directory:
        certificate = tls.certfile or _private(directory, "cert.pem", tls.cert_pem)
        key = tls.keyfile or _private(directory, "key.pem", tls.key_pem)
        # An empty password instead of None: OpenSSL must never ask on the terminal.
        context.load_cert_chain(certificate, key, password=tls.key_password)


def _private(directory: str, name: str, text: str) -> str:
    path = Path(directory) / name
    path.touch(mode=0o600)
    path.write_text(text)
    return str(path)


def _librdkafka_tls(tls: Tls) -> ClientSettings:
    settings: ClientSettings = {
        "enable.ssl.certificate.verification": True,
        "ssl.endpoint.identification.algorithm": "https" if tls.check_hostname else "none",
    }
    given = {
        "ssl.ca.location": tls.cafile,
        "ssl.ca.pem": tls.ca_pem,
        "ssl.certificate.location": tls.certfile,
        "ssl.certificate.pem": tls.cert_pem,
        "ssl.key.location": tls.keyfile,
        "ssl.key.pem": tls.key_pem,
        "ssl.key.password": tls.key_password,
    }
    return settings | {name: value for name, value in given.items() if value}


def _protocol(security: Security) -> str:
    match security:
        case Plaintext():
            return "PLAINTEXT"
        case Tls():
            return "SSL"
        case ScramTls() | PlainTls():
            return "SASL_SSL"


def _mechanism(security: ScramTls | PlainTls) -> str:
    return str(security.mechanism) if isinstance(security, ScramTls) else "PLAIN"


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
