"""The chain's signed head, kept outside the database: state/audit-head.json and a line in the log.

Ed25519: the public key stands in the file, so that somebody who has an older copy of it can check a newer one.
"""

from __future__ import annotations

import base64
import fcntl
import json
import logging
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

from controlplane.audit.chain import Head
from controlplane.core.env import generated_secret

log = logging.getLogger(__name__)


class HeadForged(Exception):
    """The file's signature does not fit its content and this installation's key."""


@dataclass(frozen=True, slots=True)
class HeadFile:
    path: Path
    key: Ed25519PrivateKey

    def export(self, head: Head) -> None:
        """Never moves backwards: of two processes the one with the newer head wins, whoever is last."""
        lock = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self._recorded_seq() >= head.seq:
                return
            self._write(head)
        finally:
            os.close(lock)
        log.info("audit head seq=%s hash=%s", head.seq, head.hash)

    def read(self) -> Head | None:
        """None when there is no file; HeadForged when it was not written by this installation."""
        try:
            saved = json.loads(self.path.read_text())
            head = Head(int(saved["seq"]), str(saved["hash"]))
            Ed25519PublicKey.from_public_bytes(_public(self.key)).verify(
                base64.b64decode(saved["signature"]), _message(head, saved["at"])
            )
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, InvalidSignature) as error:
            raise HeadForged(str(self.path)) from error
        return head

    def _recorded_seq(self) -> int:
        try:
            return int(json.loads(self.path.read_text())["seq"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0

    def _write(self, head: Head) -> None:
        at = datetime.now(UTC).isoformat()
        content = {
            "seq": head.seq,
            "hash": head.hash,
            "at": at,
            "public_key": base64.b64encode(_public(self.key)).decode(),
            "signature": base64.b64encode(self.key.sign(_message(head, at))).decode(),
        }
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(content, file)
        draft.replace(self.path)


def head_file() -> HeadFile:
    return HeadFile(Path(settings.STATE) / "audit-head.json", _key(Path(settings.SECRETS) / "audit-key"))


def _message(head: Head, at: str) -> bytes:
    return f"kastellan-audit-head:{head.seq}:{head.hash}:{at}".encode()


def _public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


@lru_cache(maxsize=2)
def _key(path: Path) -> Ed25519PrivateKey:
    text = generated_secret(
        path, lambda: base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()
    )
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(text))
