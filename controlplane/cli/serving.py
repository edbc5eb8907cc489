"""Beyond loopback (PK-5): TLS and an admin with a password, or no start. What the web server needs for TLS.

1. Loopback may be plain: nothing leaves the machine.
2. Another address needs TLS: files that were named, a certificate of the broker authority (`--tls`), or a proxy of yours.
3. And somebody who has set a password: before that, whoever comes first would be let in by a link.
`--insecure` does without both; every page then says so in red.
"""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from controlplane.cli.console import CommandFailed
from controlplane.cli.settings import WILDCARDS, Tls, WebAddress
from controlplane.gateways import broker as bundled
from controlplane.gateways.broker import ClusterSpec, DataPaths


@dataclass(frozen=True, slots=True)
class TlsFiles:
    certificate: Path
    key: Path

    @property
    def fingerprint(self) -> str:
        """Changes with the certificate: the web server is then started anew."""
        return hashlib.sha256(self.certificate.read_bytes()).hexdigest()[:16]


def check_bind(address: WebAddress) -> None:
    behind_proxy = os.environ.get("KASTELLAN_TRUSTED_PROXY", "0") not in ("", "0")
    if address.loopback or address.tls or address.insecure or behind_proxy:
        return
    raise CommandFailed(
        f"refusing to serve on {address.host} without TLS: passwords would travel in clear",
        "One of: ./run up --tls (a certificate of the cluster's own authority); KASTELLAN_TLS_CERT and "
        "KASTELLAN_TLS_KEY; a TLS proxy in front and KASTELLAN_TRUSTED_PROXY=1; or, knowingly, --insecure.",
    )


def check_admin(address: WebAddress, somebody_has_a_password: bool) -> None:
    if address.loopback or address.insecure or somebody_has_a_password:
        return
    raise CommandFailed(
        f"refusing to serve on {address.host} before an admin has set a password",
        "First KASTELLAN_HOST=127.0.0.1 ./run up, open its link, set a password; then again as you just did.",
    )


def tls_files(paths: DataPaths, spec: ClusterSpec, address: WebAddress) -> TlsFiles | None:
    """Present, readable and matching afterwards; a certificate of our own is issued or renewed when due."""
    match address.tls:
        case Tls.NONE:
            return None
        case Tls.GIVEN:
            return _checked(TlsFiles(_named("KASTELLAN_TLS_CERT"), _named("KASTELLAN_TLS_KEY")))
        case Tls.OWN:
            return _checked(TlsFiles(*bundled.web_certificate(paths, spec, names(address))))


def names(address: WebAddress) -> tuple[str, ...]:
    """What people may type to reach us: this machine's names, the address, and the hosts that are allowed."""
    public = [each.strip() for each in os.environ.get("KASTELLAN_ALLOWED_HOSTS", "").split(",")]
    own = "127.0.0.1" if address.host in WILDCARDS else address.host
    return tuple(dict.fromkeys(each for each in (own, *public) if each))


def machine_names() -> tuple[str, ...]:
    return tuple(dict.fromkeys((socket.gethostname().lower(), socket.getfqdn().lower())))


def _named(name: str) -> Path:
    raw = os.environ.get(name)
    if not raw:
        raise CommandFailed(
            f"{name} is missing", "KASTELLAN_TLS_CERT and KASTELLAN_TLS_KEY name one PEM file each."
        )
    return Path(raw).absolute()


def _checked(files: TlsFiles) -> TlsFiles:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            files.certificate, files.key, password=_no_password
        )
    except (OSError, ssl.SSLError, _HasPassword) as error:
        raise CommandFailed(
            f"the web server's certificate cannot be used: {error.strerror or error}"
            if isinstance(error, OSError)
            else f"the web server's certificate cannot be used: {error}",
            f"Certificate: {files.certificate}. Key: {files.key}, without a password. Both PEM.",
        ) from error
    return files


class _HasPassword(Exception):
    """A key with a password: nobody is there to type it when the web server starts."""


def _no_password() -> str:
    raise _HasPassword("the key has a password")
