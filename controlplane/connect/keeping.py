"""Passwords of connectors on a bundled worker: kept in files of their own, which configurations refer to (KIP-297), so that
no topic holds them. What an external Connect cluster keeps is its own affair: its files are not ours to write.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection, Generator, Iterable, Mapping
from contextlib import contextmanager, suppress

from controlplane.clusters.models import Cluster
from controlplane.connect.logic.external import BUNDLED
from controlplane.connect.selectors import Connect, connect_of
from controlplane.core.errors import NotFound as NoWorker
from controlplane.core.errors import NotVerified
from controlplane.gateways import workers
from controlplane.gateways.connect import is_kept, is_reference, is_secret
from controlplane.gateways.errors import GatewayError, NotFound

PREFIX = "connector-"
#: A change takes at most so long from its file to the configuration that refers to it.
SETTLED_SECONDS = 600.0
_KEY = re.compile(r"[A-Za-z0-9._-]{1,200}")


@contextmanager
def kept(
    connect: Connect,
    name: str,
    config: Mapping[str, str],
    secret: Collection[str],
    before: Mapping[str, str],
) -> Generator[dict[str, str]]:
    """The configuration to send, with a reference for each secret that was typed; afterwards only those files stay that
    the worker's configuration refers to. `secret`: what the plugin calls passwords. `before`: what the
    worker has now.

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
    candidates = {owner, *owners_in(before.values())}
    try:
        yield {**config, **references}
    except NotVerified:
        # The worker may do it yet: it finds the passwords of before and of after.
        raise
    except BaseException:
        tidy(connect, name, candidates)
        raise
    tidy(connect, name, candidates)


def tidy(connect: Connect, name: str, candidates: Collection[str]) -> None:
    """Forgets those of the files that a connector's configuration refers to no more; where it cannot be read, none."""
    if not connect.worker or not candidates:
        return
    try:
        values = tuple(connect.api.config(name).values())
    except NotFound:
        values = ()
    except GatewayError:
        return
    for owner in set(candidates) - owners_in(values):
        workers.forget_secrets(connect.worker, owner)


def sweep(connect: Connect) -> None:
    """What a change or a removal that was broken off left: files that no connector refers to."""
    old = workers.owners_of_secrets(connect.worker, PREFIX, older_than_s=SETTLED_SECONDS)
    if old:
        used = (value for each in connect.api.connectors().values() for value in each.config.values())
        for owner in old - owners_in(used):
            workers.forget_secrets(connect.worker, owner)


def sweep_all() -> None:
    for cluster in Cluster.objects.filter(name__in=[worker.cluster for worker in workers.workers()]):
        with suppress(GatewayError, NoWorker):
            sweep(connect_of(cluster, BUNDLED))


def owners_in(values: Iterable[str]) -> set[str]:
    """Files of ours that the values refer to."""
    return {
        value.rpartition(":")[0].rpartition("/")[2].removesuffix(".properties")
        for value in values
        if is_kept(value)
    }


def _prefix(name: str) -> str:
    return f"{PREFIX}{_hash(name)}-"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
