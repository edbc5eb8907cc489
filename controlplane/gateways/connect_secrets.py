"""Which settings of a connector nobody is shown, and how they are hidden and kept. Pure.

Configurations, traces and messages of a worker hold secrets in plain text (CVE-2019-12399 of others): whatever leaves
the server went through `mask` or `scrubbed`. A setting is secret by its name or because its plugin calls it a PASSWORD.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

MASK = "[hidden]"

SECRET_NAME = re.compile(
    r"passw|passphrase|pwd|(^|[._-])pass($|[._-])|secret|token|credential|private|jaas|api[._-]?key|access[._-]?key|account[._-]?key"
    r"|signature|(^|[._-])keys?$|basic[._-]?auth|user[._-]?info|authorization|bearer|certificate\.chain|headers?$",
    re.IGNORECASE,
)
#: What only sounds like a secret. The whole end of the name counts: `value.converter` is none,
#: `value.converter.basic.auth.user.info` is one.
PLAIN_NAME = re.compile(
    r"((^|\.)(key|value|header)\.(converter|deserializer|serializer)|\.location|\.type|key\.ignore"
    r"|credentials?\.source|token\.endpoint\.url|(class|provider)(\.name)?|(^|\.)(include|copy)\.headers?)$",
    re.IGNORECASE,
)
#: A value that only names where the secret is.
REFERENCE = re.compile(r"\$\{[a-zA-Z0-9_-]+:[^{}]*\}")
#: A reference to a password that Kastellan keeps for this one connector: as secret as the password itself was.
KEPT = re.compile(r"\$\{file:[^:}]*/connector-[0-9a-f]{16}-[0-9a-f]{8}\.properties:[^:}]+\}")
#: A reference to something in a file, also in the midst of a value.
FILED = re.compile(r"\$\{file:[^:}]*:[^}]*\}")
Reader = Callable[[str], str]
#: Shorter values would blank out innocent words of a trace.
SHORTEST = 4

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # scheme://user:password@host; a password may hold '/', ':' and '@'
    (re.compile(r"(?<=//)[^\s/:@\"']{0,200}:[^\s\"']{0,500}(?=@[^\s@])"), MASK),
    # jdbc:oracle:thin:user/password@host
    (re.compile(r"(?<=thin:)[^\s/@\"']{1,200}/[^\s\"']{1,500}(?=@)", re.IGNORECASE), MASK),
    # a token alone before the host
    (re.compile(r"(?<=//)[^\s/:@\"']{1,500}(?=@[\w\[.-])"), MASK),
    # password=…, password: …, "password": "…", sasl.jaas.config's password="…";
    (
        re.compile(
            r"((?:(?:passw(?:or)?d|passphrase|pwd|secret|token|credential|api[._-]?key|access[._-]?key)[\w.-]{0,40})"
            r"[\"']?\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|\{(?:[^}]|\}\})*\}|[^\s,;&}\"']+)",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"\b(Basic|Bearer)\s+[A-Za-z0-9+/=._~-]{8,}", re.IGNORECASE), rf"\1 {MASK}"),
)

_PLACES_OF_PASSWORDS = (
    re.compile(r"//[^\s/:@\"']{0,200}:([^\s\"']{1,500})@"),
    re.compile(r"thin:[^\s/@\"']{1,200}/([^\s\"']{1,500})@", re.IGNORECASE),
    re.compile(r"(?:passw(?:or)?d|passphrase|pwd|secret|token)\s*=\s*\{?([^\s,;&}\"']+)", re.IGNORECASE),
)


def is_secret(name: str) -> bool:
    return bool(SECRET_NAME.search(name)) and not PLAIN_NAME.search(name)


def is_reference(value: str) -> bool:
    return bool(REFERENCE.fullmatch(value))


def is_kept(value: str) -> bool:
    return bool(KEPT.fullmatch(value))


def mask(config: Mapping[str, str], secret: Collection[str] = ()) -> dict[str, str]:
    """For people: secrets hidden, references to them shown. `secret`: settings that the plugin calls passwords."""
    hide = secret_values(config, secret)
    return {name: _shown(name, value, secret, hide) for name, value in config.items()}


def _shown(name: str, value: str, secret: Collection[str], hide: Collection[str]) -> str:
    if is_kept(value):
        return MASK
    if not value or is_reference(value):
        return value
    return MASK if name in secret or is_secret(name) else scrubbed(value, hide)


def unread(_reference: str) -> str:
    """Nobody knows what is behind it."""
    return ""


def secret_values(
    config: Mapping[str, str], secret: Collection[str] = (), reads: Reader = unread
) -> tuple[str, ...]:
    """What must not appear in any text about this connector, the longest first."""
    found = {
        value
        for name, value in config.items()
        if (name in secret or is_secret(name)) and not is_reference(value)
    }
    # Whatever the setting is called: the worker puts it in before it says what is wrong with it.
    found.update(reads(reference) for value in config.values() for reference in FILED.findall(value))
    # A driver that is given an address says what it could not read of it, without what we would know it by.
    found.update(piece for value in config.values() for piece in _inside(value))
    return longest_first(value for value in found if len(value) >= SHORTEST)


def longest_first(values: Iterable[str]) -> tuple[str, ...]:
    """Each once: a secret that holds another goes before it."""
    return tuple(sorted(set(values), key=lambda value: (-len(value), value)))


def _inside(value: str) -> Iterator[str]:
    """Passwords in an address, and what is assigned to one in a text."""
    for pattern in _PLACES_OF_PASSWORDS:
        yield from pattern.findall(value)


def scrubbed(text: str, hide: Iterable[str] = ()) -> str:
    """Without the given values, and without what looks like a password in addresses and assignments."""
    for value in hide:
        text = text.replace(value, MASK)
    for pattern, shown in _PATTERNS:
        text = pattern.sub(shown, text)
    return text


def restored(
    given: Mapping[str, str], stored: Mapping[str, str], secret: Collection[str] = ()
) -> dict[str, str]:
    """What was meant by a configuration that was shown masked: a value that came back as it was shown is the stored one."""
    shown = mask(stored, secret)
    return {
        name: stored[name] if MASK in value and shown.get(name) == value else value
        for name, value in given.items()
    }


def left_masked(config: Mapping[str, str]) -> tuple[str, ...]:
    """Settings that still hold the mask after `restored`: somebody would store the word itself."""
    return tuple(sorted(name for name, value in config.items() if MASK in value))
