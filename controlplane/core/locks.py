"""One at a time over all processes of this installation: for acts on Kafka that Kafka itself does not make exclusive."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings


@contextmanager
def exclusive(name: str) -> Iterator[None]:
    """Waits for whoever holds the name. The kernel lets it go with its holder, however that ends."""
    with _opened(name) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


@contextmanager
def alone(name: str) -> Iterator[bool]:
    """Whether nobody else holds the name; does not wait. For periodic work of which a second one would only be in the way."""
    with _opened(name) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


@contextmanager
def _opened(name: str) -> Iterator[int]:
    directory = settings.DATA / "state" / "locks"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / hashlib.sha256(name.encode()).hexdigest()[:32]
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
