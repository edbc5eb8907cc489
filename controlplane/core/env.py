"""Settings come from the environment, through these readers only. A bad value stops the start with a clear message.

Every secret may also be a file: NAME_FILE holds its path. Secrets that nobody sets are made at the first start.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from controlplane.gateways.broker import made_once

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off"})


def envstr(name: str, default: str = "") -> str:
    return os.environ.get(name) or default


def envbool(name: str, default: bool) -> bool:
    raw = os.environ.get(name, "").strip().lower()
    if not raw:
        return default
    if raw in TRUE:
        return True
    if raw in FALSE:
        return False
    raise ImproperlyConfigured(f"{name}={raw!r} is neither yes nor no; use 1 or 0")


def envint(name: str, default: int, *, low: int = 0, high: int = 2**31) -> int:
    raw = os.environ.get(name, "").strip()
    if not raw:
        return default
    try:
        value = int(raw)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={raw!r} is not a whole number") from None
    if not low <= value <= high:
        raise ImproperlyConfigured(f"{name}={value} is outside {low} to {high}")
    return value


def envchoice(name: str, choices: tuple[str, ...]) -> str:
    """One of the choices; the first is the default."""
    raw = os.environ.get(name, "").strip().lower()
    if raw and raw not in choices:
        raise ImproperlyConfigured(f"{name}={raw!r} is not one of {', '.join(filter(None, choices))}")
    return raw or choices[0]


def envlist(name: str, default: tuple[str, ...] = ()) -> list[str]:
    raw = os.environ.get(name, "")
    found = [part.strip() for part in raw.split(",") if part.strip()]
    return found or list(default)


def envsecret(name: str, default: str = "") -> str:
    """The value of NAME, else the content of the file that NAME_FILE names; both is a mistake."""
    value, path = os.environ.get(name, ""), os.environ.get(f"{name}_FILE", "")
    if value and path:
        raise ImproperlyConfigured(f"{name} and {name}_FILE are both set; keep one")
    if not path:
        return value or default
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE={path} cannot be read: {error.strerror}") from error


def generated_secret(path: Path, make: Callable[[], str] = lambda: secrets.token_urlsafe(48)) -> str:
    """The secret in `path`, made at first use. Two processes that start together end with the same one."""
    made_once(path, make)
    return _read_secret(path)


def _read_secret(path: Path) -> str:
    content = path.read_text().strip()
    if not content:
        raise ImproperlyConfigured(
            f"{path} is empty; restore it from a backup, or delete it to make a new one"
        )
    if path.stat().st_mode & 0o077:
        raise ImproperlyConfigured(f"{path} is readable by others; chmod 600 it")
    return content
