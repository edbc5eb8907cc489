"""How an external cluster is to be reached: what may be asked for, what is wrong with it, what a kept secret is bound to.

Pure. A private key is opened here once and kept without its password: one secret less to store.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from controlplane.gateways import addresses
from controlplane.gateways.errors import InvalidRequest, TargetRefused
from controlplane.gateways.kafka.security import (
    KafkaConnection,
    Plaintext,
    PlainTls,
    ScramMechanism,
    ScramTls,
    Security,
    Tls,
    split_address,
)

PLAINTEXT, TLS, PLAIN = "plaintext", "tls", "plain"
SCRAM: Mapping[str, ScramMechanism] = {
    "scram-sha-512": ScramMechanism.SCRAM_SHA_512,
    "scram-sha-256": ScramMechanism.SCRAM_SHA_256,
}
BY_PASSWORD = (*SCRAM, PLAIN)
KINDS = (PLAINTEXT, TLS, *BY_PASSWORD)
MOST_SERVERS = 20
MOST_PEM = 100_000
#: Of bundled clusters that there are, or may be one day.
RESERVED_NAMES = frozenset({"main", "dr"})
Problems = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class ConnectionRequest:
    """`key_pem` and `password` None: as they are; empty: none. A key of no password is what is kept."""

    bootstrap: str = ""
    security: str = TLS
    ca_pem: str = ""
    check_hostname: bool = True
    certificate_pem: str = ""
    key_pem: str | None = field(default=None, repr=False)
    key_password: str = field(default="", repr=False)
    username: str = ""
    password: str | None = field(default=None, repr=False)
    allow_private: bool = False
    probe: bool = False

    def __post_init__(self) -> None:
        # Browsers send CR LF; a certificate that is the same must be the same text.
        for name in ("ca_pem", "certificate_pem"):
            text = getattr(self, name).replace("\r\n", "\n").strip()
            object.__setattr__(self, name, f"{text}\n" if text else "")

    @property
    def by_password(self) -> bool:
        return self.security in BY_PASSWORD


@dataclass(frozen=True, slots=True)
class ClusterRequest:
    """`connection` is None for a bundled cluster: only what it is called is asked for."""

    name: str
    title: str
    colour: str = "none"
    connection: ConnectionRequest | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """What is stored of an external cluster's secrets, by the connection that they were given for."""

    connection: ConnectionRequest
    key: bool
    password: bool


NOTHING_HELD = Held(ConnectionRequest(), key=False, password=False)


def bound_to(request: ConnectionRequest) -> tuple[object, ...]:
    """A kept password goes to these servers, in this way, and nowhere else."""
    return (
        sorted(servers_of(request.bootstrap)),
        request.security,
        request.username,
        request.ca_pem,
        request.check_hostname,
    )


def keeps_password(held: Held, request: ConnectionRequest) -> bool:
    return held.password and request.password is None and bound_to(request) == bound_to(held.connection)


def keeps_key(held: Held, request: ConnectionRequest) -> bool:
    """A key proves who we are without being shown, so it may follow to other servers, but not to another certificate."""
    same = request.certificate_pem == held.connection.certificate_pem
    return held.key and request.key_pem is None and same and bool(request.certificate_pem)


def servers_of(text: str) -> tuple[str, ...]:
    """One a line, or with commas or blanks between them."""
    return tuple(dict.fromkeys(part for part in re.split(r"[\s,]+", text) if part))


def normal(request: ConnectionRequest) -> ConnectionRequest:
    """As it is stored; for a request without problems. The key is opened, so that no password for it is needed again."""
    key = request.key_pem
    if key:
        key = _opened(key, request.key_password)
    return replace(request, bootstrap=",".join(servers_of(request.bootstrap)), key_pem=key, key_password="")


def problems(request: ConnectionRequest, held: Held = NOTHING_HELD) -> Problems:
    """By field; none: it can be tried."""
    found: Problems = {}
    for name, problem in _problems(request, held):
        found.setdefault(name, []).append(problem)
    return found


def _problems(request: ConnectionRequest, held: Held) -> Iterator[tuple[str, str]]:
    yield from (("bootstrap", problem) for problem in _server_problems(request.bootstrap))
    if request.security not in KINDS:
        yield "security", f"One of {', '.join(KINDS)}."
        return
    if request.security == PLAINTEXT:
        for name in ("ca_pem", "certificate_pem", "key_pem", "username", "password"):
            if getattr(request, name):
                yield name, "A plaintext connection has none."
        return
    yield from _pem_problems(request, held)
    if request.by_password:
        yield from _password_problems(request, held)
    elif request.username or request.password:
        yield "username" if request.username else "password", "TLS alone takes no user and password."


def _server_problems(text: str) -> Iterator[str]:
    servers = servers_of(text)
    if not servers:
        yield "One or more brokers, as host:port."
    if len(servers) > MOST_SERVERS:
        yield f"At most {MOST_SERVERS}: a few of them lead to all."
    for server in servers[:MOST_SERVERS]:
        try:
            addresses.normal_host(split_address(server)[0])
        except (InvalidRequest, TargetRefused) as error:
            yield str(error)


def _password_problems(request: ConnectionRequest, held: Held) -> Iterator[tuple[str, str]]:
    if not request.username:
        yield "username", "The name of the user that Kastellan logs in as."
    if request.password:
        if len(request.password) > 1000 or not request.password.isprintable():
            yield "password", "At most 1,000 characters in one line."
    elif not keeps_password(held, request):
        if held.password and request.password is None:
            yield (
                "password",
                "Give it again: it was given for other servers, another user or another way there.",
            )
        else:
            yield "password", "It is needed to log in."


def _pem_problems(request: ConnectionRequest, held: Held) -> Iterator[tuple[str, str]]:
    for name in ("ca_pem", "certificate_pem"):
        text = getattr(request, name)
        if text and not certificates(text):
            yield name, "Not a certificate in PEM: it begins with -----BEGIN CERTIFICATE-----."
    if request.key_pem:
        yield from _key_problems(request)
    elif request.certificate_pem and not keeps_key(held, request):
        again = " again" if held.key and request.key_pem is None else ""
        yield "key_pem", f"A certificate needs its private key; give it{again}."


def _key_problems(request: ConnectionRequest) -> Iterator[tuple[str, str]]:
    if not request.certificate_pem:
        yield "certificate_pem", "A private key needs its certificate."
        return
    try:
        key = load_pem_private_key((request.key_pem or "").encode(), request.key_password.encode() or None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        wrong = "cannot be opened with this password" if request.key_password else "cannot be read"
        yield "key_pem", f"The key {wrong}: PEM is wanted, with its password if it has one."
        return
    chain = certificates(request.certificate_pem)
    spki = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if chain and chain[0].public_key().public_bytes(*spki) != key.public_key().public_bytes(*spki):
        yield "key_pem", "This key does not belong to the first certificate."


def _opened(pem: str, password: str) -> str:
    key = load_pem_private_key(pem.encode(), password.encode() or None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def certificates(pem: str) -> tuple[x509.Certificate, ...]:
    """None where the text holds no certificate, or one that cannot be read."""
    if len(pem) > MOST_PEM:
        return ()
    try:
        return tuple(x509.load_pem_x509_certificates(pem.encode()))
    except (ValueError, UnsupportedAlgorithm):
        return ()


def words_of(pem: str) -> str:
    """A certificate as a plan shows it: whose, and its fingerprint; of several also how many."""
    found = certificates(pem)
    if not found:
        return ""
    first = found[0]
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"{first.subject.rfc4514_string() or 'without a name'}, SHA-256 {first.fingerprint(SHA256()).hex()[:16]}…{more}"


def kafka_connection(request: ConnectionRequest) -> KafkaConnection:
    """What both client libraries are made from; secrets have to be filled in."""
    return KafkaConnection(
        bootstrap=",".join(servers_of(request.bootstrap)),
        security=_security(request),
        allow_private=request.allow_private,
    )


def _security(request: ConnectionRequest) -> Security:
    if request.security == PLAINTEXT:
        return Plaintext()
    tls = Tls(
        ca_pem=request.ca_pem,
        cert_pem=request.certificate_pem,
        key_pem=request.key_pem or "",
        check_hostname=request.check_hostname,
    )
    if request.security == TLS:
        return tls
    password = request.password or ""
    if request.security == PLAIN:
        return PlainTls(request.username, password, tls)
    return ScramTls(request.username, password, SCRAM[request.security], tls)
