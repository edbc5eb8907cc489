"""A try to connect, told step by step in plain words: how far it came, where it ended and what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from controlplane.clusters.logic.connections import BY_PASSWORD, PLAINTEXT, ConnectionRequest
from controlplane.gateways.kafka.types import BrokerNode, Cause, Diagnosis, Feature

DONE, FAILED, WAITING = "done", "failed", "waiting"


class At(StrEnum):
    """The steps, in the order in which they are come to."""

    ADDRESS = "Address"
    TCP = "Connection (TCP)"
    TLS = "Encryption (TLS)"
    LOGIN = "Log in"
    KAFKA = "Kafka's protocol"
    CLUSTER = "Cluster"
    BROKERS = "Every broker"


#: At which step a try ends for which cause.
ENDS_AT = {
    Cause.BAD_SETTINGS: At.ADDRESS,
    Cause.NAME_UNKNOWN: At.ADDRESS,
    Cause.REFUSED: At.TCP,
    Cause.TIMED_OUT: At.TCP,
    Cause.UNKNOWN: At.TCP,
    Cause.PLAINTEXT_TO_TLS: At.TLS,
    Cause.TLS_TO_PLAINTEXT: At.TLS,
    Cause.UNTRUSTED_CERTIFICATE: At.TLS,
    Cause.HOSTNAME_MISMATCH: At.TLS,
    Cause.CERTIFICATE_EXPIRED: At.TLS,
    Cause.CLIENT_CERTIFICATE_REFUSED: At.TLS,
    Cause.BAD_CREDENTIALS: At.LOGIN,
    Cause.MECHANISM_NOT_OFFERED: At.LOGIN,
    Cause.NOT_KAFKA: At.KAFKA,
}


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    state: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class BrokerTry:
    """One broker, tried at the address that it advertises."""

    node: BrokerNode
    diagnosis: Diagnosis

    @property
    def sentence(self) -> str:
        found = self.diagnosis
        told = f"broker {self.node.id} at {self.node.host}:{self.node.port}"
        return told if found.ok else f"{told}: {said(found)}"


@dataclass(frozen=True, slots=True)
class Report:
    """Of one try. `addresses` are what the names of the servers were resolved to; `refused_at_once`: one may not be
    connected to at all. `brokers` were tried each; `untried` are those beyond the limit.
    """

    diagnosis: Diagnosis
    addresses: tuple[str, ...] = ()
    refused_at_once: bool = False
    brokers: tuple[BrokerTry, ...] = ()
    untried: int = 0
    features: tuple[Feature, ...] | None = None

    @property
    def ok(self) -> bool:
        return self.diagnosis.ok and all(each.diagnosis.ok for each in self.brokers)


def said(diagnosis: Diagnosis) -> str:
    return f"{diagnosis.what}. {diagnosis.hint}." if diagnosis.hint else diagnosis.what


def ends_at(report: Report) -> At | None:
    """The step that failed; None where none did."""
    if report.diagnosis.ok:
        return None if report.ok else At.BROKERS
    if report.diagnosis.cause == Cause.TARGET_REFUSED:
        return At.ADDRESS if report.refused_at_once else At.BROKERS
    return ENDS_AT.get(report.diagnosis.cause, At.TCP)


def steps(request: ConnectionRequest, report: Report) -> tuple[Step, ...]:
    return tuple(_steps(request, report))


def _steps(request: ConnectionRequest, report: Report) -> Iterator[Step]:
    end = ends_at(report)
    over = False
    for at in At:
        if at is end:
            over = True
            yield Step(at.value, FAILED, _failure(report))
        elif over:
            yield Step(at.value, WAITING, "Not tried")
        else:
            yield Step(at.value, DONE, _success(at, request, report))


def _failure(report: Report) -> str:
    if not report.diagnosis.ok:
        return said(report.diagnosis)
    wrong = [each.sentence for each in report.brokers if not each.diagnosis.ok]
    return (
        f"{len(wrong)} of {len(report.brokers)} cannot be reached where they say that they are"
        f" (advertised.listeners): {'; '.join(wrong)}"
    )


def _success(at: At, request: ConnectionRequest, report: Report) -> str:
    match at:
        case At.ADDRESS:
            return "; ".join(report.addresses)
        case At.TCP:
            return "Something listens there"
        case At.TLS:
            return _tls(request)
        case At.LOGIN:
            return _login(request)
        case At.KAFKA:
            return _version(report.features)
        case At.CLUSTER:
            brokers = len(report.diagnosis.brokers)
            return f"Cluster id {report.diagnosis.cluster_id}, {brokers} broker{'s' if brokers != 1 else ''}"
        case At.BROKERS:
            return _listeners(report.brokers, report.untried)


def _tls(request: ConnectionRequest) -> str:
    if request.security == PLAINTEXT:
        return "Not used: everything travels in clear"
    trust = "the CA that was given" if request.ca_pem else "an authority that this machine trusts"
    host = ", its host name fits" if request.check_hostname else "; its host name is not checked"
    return f"The certificate is of {trust}{host}"


def _login(request: ConnectionRequest) -> str:
    if request.security in BY_PASSWORD:
        return f"As {request.username} by {request.security.upper()}"
    if request.certificate_pem:
        return "By the client certificate"
    return "Nobody in particular: Kafka calls such clients User:ANONYMOUS"


def _version(features: Sequence[Feature] | None) -> str:
    if features is None:
        return "It answers as Kafka does; its features could not be read"
    level = next((each.finalized for each in features if each.name == "metadata.version"), None)
    if level is None:
        return "It answers as Kafka does, without KRaft features"
    return f"It answers as Kafka does; KRaft, metadata.version level {level}"


def _listeners(brokers: Sequence[BrokerTry], untried: int) -> str:
    reached = "; ".join(each.sentence for each in brokers)
    return f"{reached}; {untried} more not tried" if untried else reached
