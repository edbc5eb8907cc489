"""Where a connector's settings lead: hosts that they name, and which of them are this machine's own or stranger. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from controlplane.connect.logic.confinement import REFERENCED, is_place
from controlplane.connect.logic.drivers import decoded
from controlplane.gateways import addresses
from controlplane.gateways.addresses import Allowed
from controlplane.gateways.errors import TargetRefused

#: What stands between hosts, and around them: `jdbc:postgresql://kim@a:5432,b:5432/shop?x=1`.
_BETWEEN = re.compile(r"[\s,;/@=?&\"'()|<>{}\\#]+")
_AUTHORITY = re.compile(r"//([^\s;/?\"'\\]*)")
_WITH_PORT = re.compile(r"(?P<host>\[[^\]]*\]|[^\[\]]*):(?P<port>\d{1,5})")
#: `host:1521:sid`, as Oracle's driver has it.
_PORT_AND_MORE = re.compile(r"(?P<host>[^:\[\]]+):\d{1,5}:")
#: Drivers connect to this machine where no host is given.
_WITHOUT_HOST = re.compile(r"\bjdbc:[^/@]*$|\bjdbc:[^/]*///", re.IGNORECASE)
#: Whatever stands around them.
_ANYWHERE = re.compile(r"\blocalhost\b|(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])", re.IGNORECASE)
#: In Oracle's descriptions and MySQL's keys, whatever form the host has.
_NAMED = re.compile(r"[(,]\s*host\s*=\s*([^(),;\s]+)", re.IGNORECASE)
_BRACKETED = re.compile(r"\[[^\]]*\]")
_NUMBER = re.compile(r"\d+")
_PORT = re.compile(r"(^|[._-])port$", re.IGNORECASE)
LARGEST_PORT = 65535
#: Where databases and brokers usually are, as seen from inside of a company.
USUAL = frozenset({"private", "private (unique local)", "carrier-grade NAT"})


def hosts(config: Mapping[str, str]) -> frozenset[str]:
    """As they are written; the empty one is loopback to Java. A word counts where it is an address, has a port, follows `//` or
    a setting is about places."""
    found: set[str] = set()
    for name, text in (
        (name, each) for name, value in config.items() for each in decoded(REFERENCED.sub("", value))
    ):
        for authority in _AUTHORITY.findall(text):
            found.update(_host(word) or "" for word in authority.split(","))
        if _WITHOUT_HOST.search(text):
            found.add("")
        found.update(_ANYWHERE.findall(text))
        found.update(_NAMED.findall(text))
        found.update(_of(name, text))
    return frozenset(found)


def _of(name: str, text: str) -> Iterator[str]:
    # Of an address with a path only what follows `//` says where.
    place = is_place(name) and not (name == "connector.class" or _PORT.search(name) or "//" in text)
    for word in _BETWEEN.split(text):
        host = _host(word)
        with_port = _WITH_PORT.fullmatch(word) is not None
        if host is None or (_NUMBER.fullmatch(host) and not _is_odd_number(host)):
            continue
        if with_port or _PORT_AND_MORE.match(word) or (host and (place or _is_address(host))):
            yield host


def _host(word: str) -> str | None:
    """None where the word names none: what has more colons is an address of version 6, or has a scheme before the host."""
    word = word.rpartition("@")[2]
    found = _WITH_PORT.fullmatch(word)
    host = found["host"] if found else word
    inner = host[1:-1] if _BRACKETED.fullmatch(host) else host
    if ":" not in inner:
        return inner
    if _is_address(inner):
        return f"[{inner}]"
    if found:
        return inner.rpartition(":")[2]
    before_more = _PORT_AND_MORE.match(word)
    return before_more["host"] if before_more else None


def _is_odd_number(text: str) -> bool:
    """Of an address as one number; others are ports, sizes and times of the day."""
    return int(text) == 0 or int(text) > LARGEST_PORT


def _is_address(host: str) -> bool:
    try:
        return addresses.literal(addresses.normal_host(host)) is not None
    except TargetRefused:
        return False


def is_loopback_name(host: str) -> bool:
    name = host.lower().rstrip(".")
    return name in ("localhost", "localhost.localdomain", "ip6-localhost") or name.endswith(".localhost")


def is_own(host: str, found: tuple[str, ...], allowed: Allowed) -> bool:
    """Whether an address of the host is this machine's or of a kind that only an installation's admin uses. `found`: what
    the name stands for, where it is one."""
    if not host or is_loopback_name(host):
        return not _may(host, "127.0.0.1", allowed)
    try:
        normal = addresses.normal_host(host)
    except TargetRefused:
        return True
    return any(
        not _may(normal, each, allowed) for each in ((normal,) if addresses.literal(normal) else found)
    )


def _may(host: str, address: str, allowed: Allowed) -> bool:
    try:
        addresses.check(host, [address], allowed)
    except TargetRefused:
        found = addresses.literal(address.partition("%")[0])
        return found is not None and addresses.verdict(found) in USUAL
    return True
