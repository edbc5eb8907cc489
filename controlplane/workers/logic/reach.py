"""How a connector's clients reach a cluster: a registered connection in the settings of Kafka's Java clients. Pure.

What is secret goes to `secrets` and is named in the settings by reference; the worker reads it from a file of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from controlplane.gateways.kafka.security import KafkaConnection, Plaintext, PlainTls, ScramTls, Security, Tls

_SECURITY = "org.apache.kafka.common.security"


@dataclass(frozen=True, slots=True)
class Reach:
    """`settings` for the connector; `secrets` by the names that the references use."""

    settings: Mapping[str, str]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


def reach(connection: KafkaConnection, reference: Callable[[str], str], *, prefix: str = "source") -> Reach:
    """`reference(name)` is how the settings name a secret, `${file:…:name}`."""
    secrets: dict[str, str] = {}

    def hidden(name: str, value: str) -> str:
        secrets[f"{prefix}.{name}"] = value
        return reference(f"{prefix}.{name}")

    settings = {
        "bootstrap.servers": connection.bootstrap,
        **_security(connection.security, hidden),
    }
    return Reach(settings, secrets)


def _security(security: Security, hidden: Callable[[str, str], str]) -> dict[str, str]:
    match security:
        case Plaintext():
            return {"security.protocol": "PLAINTEXT"}
        case Tls():
            return {"security.protocol": "SSL", **_tls(security, hidden)}
        case ScramTls(username, password, mechanism, tls):
            login = _jaas(f"{_SECURITY}.scram.ScramLoginModule", username, password)
            own = {"sasl.mechanism": mechanism.value, "sasl.jaas.config": hidden("login", login)}
            return {"security.protocol": "SASL_SSL", **own, **_tls(tls, hidden)}
        case PlainTls(username, password, tls):
            login = _jaas(f"{_SECURITY}.plain.PlainLoginModule", username, password)
            own = {"sasl.mechanism": "PLAIN", "sasl.jaas.config": hidden("login", login)}
            return {"security.protocol": "SASL_SSL", **own, **_tls(tls, hidden)}


def _jaas(module: str, username: str, password: str) -> str:
    return f"{module} required username={_quoted(username)} password={_quoted(password)};"


def _quoted(value: str) -> str:
    """As the reader of JAAS lines takes strings: a backslash before what would end or change them."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _tls(tls: Tls, hidden: Callable[[str, str], str]) -> dict[str, str]:
    """Files stay files, so that what is renewed there is read anew; texts go along."""
    found: dict[str, str] = {}
    if tls.cafile or tls.ca_pem:
        found["ssl.truststore.type"] = "PEM"
        found |= (
            {"ssl.truststore.location": tls.cafile}
            if tls.cafile
            else {"ssl.truststore.certificates": tls.ca_pem}
        )
    if tls.cert_pem:
        found |= {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.certificate.chain": tls.cert_pem,
            "ssl.keystore.key": hidden("key", tls.key_pem),
        }
        if tls.key_password:
            found["ssl.key.password"] = hidden("key-password", tls.key_password)
    if not tls.check_hostname:
        found["ssl.endpoint.identification.algorithm"] = ""
    return found
