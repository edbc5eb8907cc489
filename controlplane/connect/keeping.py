"""Passwords of connectors on a bundled worker: kept in files of their own, which configurations refer to (KIP-297), so that
no topic holds them. What an external Connect cluster keeps is its own affair: its files are not ours to write.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager

from controlplane.connect.selectors import Connect
from controlplane.core.errors import NotVerified
from controlplane.gateways import workers
from controlplane.gateways.connect import is_kept, is_reference, is_secret
from controlplane.gateways.errors import GatewayError, NotFound

_KEY = re.compile(r"[A-Za-z0-9._-]{1,200}")


@contextmanager
def kept(
    connect: Connect, name: str, config: Mapping[str, str], secret: Collection[str]
) -> Generator[dict[str, str]]:
    """The configuration to send, with a reference for each secret that was typed; afterwards only those files stay that
    the worker's configuration refers to. `secret`: what the plugin calls passwords.

    Each change writes a file of its own: with the same references Connect would not restart tasks for a new password.
    """
    if not connect.worker:
        yield dict(config)
        return
    typed = {
        setting: value
        for setting, value in config.items()
        if value and not is_reference(value) and (setting in secret or is_secret(setting))
    }
    owner = f"{_prefix(name)}{secrets.token_hex(4)}"
    keys = {setting: setting if _KEY.fullmatch(setting) else _hash(setting) for setting in typed}
    if typed:
        workers.store_secrets(connect.worker, owner, {keys[each]: typed[each] for each in typed})
    references = {
        setting: workers.secret_reference(connect.worker, owner, keys[setting]) for setting in typed
    }
    try:
        yield {**config, **references}
    except NotVerified:
        # The worker may do it yet: it finds the passwords of before and of after.
        raise
    except BaseException:
        tidy(connect, name)
        raise
    tidy(connect, name)


def tidy(connect: Connect, name: str) -> None:
    """Forgets what a connector's configuration refers to no more; where it cannot be read, nothing."""
    if not connect.worker:
        return
    try:
        values = tuple(connect.api.config(name).values())
    except NotFound:
        values = ()
    except GatewayError:
        return
    used = " ".join(value for value in values if is_kept(value))
    workers.forget_secrets_but(connect.worker, _prefix(name), used)


def _prefix(name: str) -> str:
    return f"connector-{_hash(name)}-"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
