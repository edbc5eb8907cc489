"""Which addresses the control plane may connect to when somebody else chose them. Pure: no socket, no resolver.

A verdict is the reason for refusing, or None. Odd spellings of numbers never reach a resolver.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from controlplane.gateways.errors import TargetRefused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

CANONICAL_V4 = re.compile(r"(?:(?:0|[1-9]\d{0,2})\.){3}(?:0|[1-9]\d{0,2})", re.ASCII)
LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)

# First match names the reason, so the narrow ones come first.
REASONS_V4: tuple[tuple[str, str], ...] = (
    ("0.0.0.0/8", "this host (unspecified)"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.169.254/32", "the cloud's metadata service"),
    ("169.254.0.0/16", "link-local"),
    ("100.64.0.0/10", "carrier-grade NAT"),
    ("10.0.0.0/8", "private"),
    ("172.16.0.0/12", "private"),
    ("192.168.0.0/16", "private"),
    ("192.0.0.0/24", "reserved"),
    ("192.0.2.0/24", "documentation"),
    ("192.88.99.0/24", "a 6to4 relay"),
    ("198.18.0.0/15", "benchmarking"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved or broadcast"),
)
REASONS_V6: tuple[tuple[str, str], ...] = (
    ("::/128", "unspecified"),
    ("::1/128", "loopback"),
    ("::ffff:0:0/96", "an IPv4 address in disguise (mapped)"),
    ("::ffff:0:0:0/96", "an IPv4 address in disguise (translated)"),
    ("::/96", "an IPv4 address in disguise (compatible)"),
    ("64:ff9b:1::/48", "local NAT64"),
    ("100::/64", "discard-only"),
    ("2001::/32", "Teredo"),
    ("2001:db8::/32", "documentation"),
    ("2001::/23", "reserved"),
    ("2002::/16", "6to4"),
    ("3fff::/20", "documentation"),
    ("5f00::/16", "segment routing"),
    ("fd00:ec2::254/128", "the cloud's metadata service"),
    ("fc00::/7", "private (unique local)"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "private (site-local)"),
    ("ff00::/8", "multicast"),
)
_V4 = tuple((ipaddress.IPv4Network(network), reason) for network, reason in REASONS_V4)
_V6 = tuple((ipaddress.IPv6Network(network), reason) for network, reason in REASONS_V6)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")


@dataclass(frozen=True, slots=True)
class Allowed:
    """What an administrator has allowed beyond the public internet."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = field(default_factory=frozenset[str])

    @classmethod
    def of(cls, entries: Iterable[str]) -> Allowed:
        """From lines such as `10.1.0.0/16`, `192.168.1.7`, `hooks.intern.example`."""
        networks: list[Network] = []
        hosts: set[str] = set()
        for entry in entries:
            try:
                networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                hosts.add(_lower_ascii(entry))
        return cls(tuple(networks), frozenset(hosts))


NOTHING = Allowed()
#: What private addresses may be where brokers say the host and an administrator allows such: never link-local, where clouds
#: have their metadata service.
PRIVATE = (
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "::1/128",
    "fc00::/7",
)


def normal_host(host: str) -> str:
    """The host as it may be looked up: a canonical address or a DNS name; raises `TargetRefused` for oddities."""
    text = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if ":" in text:
        return str(_v6(text, host))
    name = _lower_ascii(text).rstrip(".")
    labels = name.split(".")
    if CANONICAL_V4.fullmatch(name):
        return str(_v4(name, host))
    # A name that ends in a number is an address to most resolvers: decimal, octal, hexadecimal, shortened.
    if re.fullmatch(r"\d+|0x[0-9a-f]*", labels[-1]):
        raise TargetRefused(f"{host!r} is an oddly written address", "Write it as four decimal numbers")
    if not name or len(name) > 253 or not all(LABEL.fullmatch(label) for label in labels):
        raise TargetRefused(
            f"{host!r} is not a host name",
            "Write a name such as registry.example, or an IP address: no blanks, no path",
        )
    return name


def literal(host: str) -> Address | None:
    """The address that a normal host is, None when it is a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def verdict(address: Address) -> str | None:
    """Why this address is not on the public internet, None when it is."""
    if isinstance(address, ipaddress.IPv4Address):
        return next((reason for network, reason in _V4 if address in network), None)
    if address in _NAT64:
        inner = verdict(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        return f"NAT64 to {inner}" if inner else None
    for network, reason in _V6:
        if address in network:
            return reason
    if address not in _GLOBAL_V6:
        return "not a global unicast address"
    return "ISATAP" if (int(address) >> 32) & 0xFFFFFFFF in (0x00005EFE, 0x02005EFE) else None


def check(host: str, addresses: Iterable[str], allowed: Allowed = NOTHING) -> tuple[str, ...]:
    """The addresses of `host` when every one may be connected to; raises `TargetRefused` when one may not."""
    checked: list[str] = []
    for text in addresses:
        address = ipaddress.ip_address(text.partition("%")[0])
        reason = None if _is_allowed(host, address, allowed) else verdict(address)
        if reason is not None:
            where = text if text == host else f"{host} ({text})"
            raise TargetRefused(
                f"{where} is not a public address: {reason}",
                "An administrator can add the host or its network to KASTELLAN_ALLOWED_TARGETS",
            )
        checked.append(text)
    return tuple(dict.fromkeys(checked))


def _is_allowed(host: str, address: Address, allowed: Allowed) -> bool:
    return host in allowed.hosts or any(
        address.version == network.version and address in network for network in allowed.networks
    )


def _v4(text: str, given: str) -> ipaddress.IPv4Address:
    try:
        return ipaddress.IPv4Address(text)
    except ValueError as error:
        raise TargetRefused(f"{given!r} is not an address") from error


def _v6(text: str, given: str) -> ipaddress.IPv6Address:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError as error:
        raise TargetRefused(f"{given!r} is not an address") from error
    if address.scope_id is not None:
        raise TargetRefused(f"{given!r} names a network interface")
    return address


def _lower_ascii(text: str) -> str:
    """Letters of other alphabets, full-width digits and the like are refused: a name has its xn-- form."""
    if not text.isascii():
        raise TargetRefused(f"{text!r} has characters outside of ASCII", "Give the name in its xn-- form")
    return text.lower()
