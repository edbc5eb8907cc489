"""What is wrong with a binding (it would have no effect, or Kafka takes it and nobody can mean it), and what to mind."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator

from controlplane.acls.logic.bindings import (
    CLUSTER_NAME,
    EVERYONE,
    PATTERNS,
    PERMISSIONS,
    RESOURCE_TYPES,
    WILDCARD,
    operations_of,
    resource_text,
    text,
    words,
)
from controlplane.core.plans import Refusal
from controlplane.gateways.kafka.access_types import (
    Acl,
    AclOperation,
    AclPermission,
    AclResourceType,
    PatternType,
)

MAX_NAME = 249
TOPIC_NAME = re.compile(r"[a-zA-Z0-9._-]+")
MAX_PRINCIPAL = 1000


def refusals_of(acls: Iterable[Acl]) -> tuple[Refusal, ...]:
    return tuple(dict.fromkeys(refusal for acl in acls for refusal in _problems(acl)))


def _problems(acl: Acl) -> Iterator[Refusal]:
    yield from _principal(acl)
    yield from _host(acl)
    yield from _resource(acl)
    if acl.permission not in PERMISSIONS:
        yield Refusal("permission", f"{acl.permission} is not a permission", "ALLOW or DENY.")
    if acl.resource_type in RESOURCE_TYPES and acl.operation not in operations_of(acl.resource_type):
        names = ", ".join(operations_of(acl.resource_type))
        yield Refusal(
            "operation",
            f"{acl.operation} does not exist on a {words(acl.resource_type)}: the binding would do nothing",
            f"On a {words(acl.resource_type)} there are {names}.",
        )


def is_principal(text: str) -> bool:
    """A type and a name, as `User:ann`. Without the type no binding can name it, so every answer would be no."""
    kind, colon, name = text.partition(":")
    return bool(colon and kind and name) and len(text) <= MAX_PRINCIPAL and text.isprintable()


NOT_A_PRINCIPAL = "Write the type and a name, as User:ann."


def _principal(acl: Acl) -> Iterator[Refusal]:
    if len(acl.principal) > MAX_PRINCIPAL or not acl.principal.isprintable():
        yield Refusal(
            "principal",
            "The principal is too long, or has characters that cannot be seen",
            f"At most {MAX_PRINCIPAL:,} characters.",
        )
    elif not is_principal(acl.principal):
        yield Refusal("principal", f"{acl.principal!r} is not a principal", NOT_A_PRINCIPAL)


def _host(acl: Acl) -> Iterator[Refusal]:
    if acl.host == WILDCARD:
        return
    try:
        address = ipaddress.ip_address(acl.host)
    except ValueError:
        yield Refusal(
            "host",
            f"{acl.host!r} never matches: Kafka compares addresses and looks no names up",
            "One IP address, or * for any host. Networks are not possible.",
        )
        return
    if acl.host != as_the_broker_writes(address):
        yield Refusal(
            "host",
            f"{acl.host} never matches: the broker writes this address another way",
            f"Write {as_the_broker_writes(address)}.",
        )


def as_the_broker_writes(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """Java's form: an IPv6 address in full, without leading zeros; a mapped IPv4 address as IPv4."""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    plain = ipaddress.IPv6Address(int(address))
    return ":".join(format(int(part, 16), "x") for part in plain.exploded.split(":"))


def normal_host(raw: str) -> str:
    """A host of a question in the broker's own form; what is no address stays as it is."""
    try:
        return as_the_broker_writes(ipaddress.ip_address(raw))
    except ValueError:
        return raw


def asked_host_problem(raw: str) -> str:
    """What is wrong with the host of a question; empty where it is an address, or any."""
    if raw in ("", WILDCARD) or is_address(raw):
        return ""
    return f"{raw!r} is not an IP address. Kafka compares addresses one by one: no names, no networks, no patterns."


def is_address(raw: str) -> bool:
    try:
        ipaddress.ip_address(raw)
    except ValueError:
        return False
    return True


def _resource(acl: Acl) -> Iterator[Refusal]:
    if acl.resource_type not in RESOURCE_TYPES:
        yield Refusal(
            "resource_type", f"{acl.resource_type} is not a resource type", f"{', '.join(RESOURCE_TYPES)}."
        )
    if acl.pattern_type not in PATTERNS:
        yield Refusal(
            "pattern_type", f"{acl.pattern_type} is for filters only", "A binding is LITERAL or PREFIXED."
        )
    name = acl.resource_name
    if not name or not name.isprintable():
        yield Refusal(
            "resource_name", "The resource has no name, or one with characters that cannot be seen", ""
        )
    elif acl.resource_type == AclResourceType.CLUSTER:
        if name != CLUSTER_NAME or acl.pattern_type != PatternType.LITERAL:
            yield Refusal(
                "resource_name",
                f"The cluster is called {CLUSTER_NAME}",
                f"Write {CLUSTER_NAME}, as a literal.",
            )
    elif acl.resource_type == AclResourceType.TOPIC:
        yield from _topic(name, prefixed=acl.pattern_type == PatternType.PREFIXED)
    if name == WILDCARD and acl.pattern_type == PatternType.PREFIXED:
        yield Refusal(
            "pattern_type",
            "A prefix * matches only names that begin with an asterisk",
            "For every resource take the LITERAL *.",
        )
    if acl.resource_type == AclResourceType.USER and name != WILDCARD and ":" not in name:
        yield Refusal(
            "resource_name",
            f"{name!r}: a user resource is named by its principal",
            f"Write User:{name}.",
        )


def _topic(name: str, *, prefixed: bool) -> Iterator[Refusal]:
    """A name that no topic can have: Kafka takes the binding, and it never matches."""
    if len(name) > MAX_NAME:
        yield Refusal(
            "resource_name", f"A topic's name has at most {MAX_NAME} characters", "Use a shorter prefix."
        )
    elif name == WILDCARD:
        return
    elif not prefixed and name.endswith(WILDCARD) and TOPIC_NAME.fullmatch(name[:-1]):
        yield Refusal(
            "resource_name",
            f"{name!r} is meant literally here, and no topic can be called so",
            f"For a prefix write {name[:-1]} and match names that begin with it.",
        )
    elif not TOPIC_NAME.fullmatch(name) or (not prefixed and name in (".", "..")):
        yield Refusal(
            "resource_name",
            f"No topic can be called {name!r}, so this would never match",
            "Letters, digits, '.', '_' and '-'.",
        )


def warnings_of(acls: Iterable[Acl], super_users: frozenset[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(warning for acl in acls for warning in _cautions(acl, super_users)))


def _cautions(acl: Acl, super_users: frozenset[str]) -> Iterator[str]:
    allow = acl.permission == AclPermission.ALLOW
    if acl.principal in super_users:
        yield f"{acl.principal} is a super user: no binding binds it, neither ALLOW nor DENY."
    if acl.principal == EVERYONE:
        yield (
            f"Everyone who can log in: {text(acl)}."
            if allow
            else f"Everyone but super users is refused: {text(acl)}. A DENY wins over every ALLOW."
        )
    elif not acl.principal.startswith("User:"):
        yield f"{acl.principal}: Kafka's own principals are of the type User; others need a principal builder."
    if acl.resource_name == WILDCARD:
        yield f"It covers {resource_text(acl)}, also those that do not exist yet."
    elif acl.pattern_type == PatternType.PREFIXED and len(acl.resource_name) < 3:
        yield f"The prefix {acl.resource_name!r} is short: look at what else begins so."
    if allow and acl.operation == AclOperation.ALL:
        yield f"ALL on {resource_text(acl)} includes deleting it and changing its settings."
    if not allow and acl.principal != EVERYONE and acl.resource_name == WILDCARD:
        yield f"It refuses {acl.principal} {acl.operation} on {resource_text(acl)}, whatever else is allowed."
