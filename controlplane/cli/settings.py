"""What the launcher decides once and remembers in `state/settings.json`: where the web server serves, and how.

The port is chosen at the first start (the next free one when the default is taken) and fixed from then on,
so that links, bookmarks and scrape configurations keep working. What is asked for counts before what is remembered;
nothing is remembered before it was found to be allowed (`serving.check_bind`).
"""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

from controlplane.cli.console import CommandFailed
from controlplane.core.paths import private_directory
from controlplane.gateways import broker as bundled
from controlplane.gateways.broker import DataPaths

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8640
PORTS_TRIED = 50
#: Listens everywhere; a browser on this machine then uses loopback.
WILDCARDS: Mapping[str, str] = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # nosec B104  # compared with, not bound


class Tls(StrEnum):
    """Where the web server's certificate comes from: nowhere, our broker authority, or files that were named."""

    NONE = ""
    OWN = "own"
    GIVEN = "given"


@dataclass(frozen=True, slots=True)
class WebAddress:
    host: str
    port: int
    tls: Tls = Tls.NONE
    insecure: bool = False

    @property
    def url(self) -> str:
        host = WILDCARDS.get(self.host, self.host)
        return f"{'https' if self.tls else 'http'}://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def loopback(self) -> bool:
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


@dataclass(frozen=True, slots=True)
class Asked:
    """What this command was told by its options and the environment; None: nothing."""

    host: str | None = None
    port: int | None = None
    tls: Tls | None = None
    insecure: bool = False


def asked(tls: bool | None = None, insecure: bool = False) -> Asked:
    given = bool(os.environ.get("KASTELLAN_TLS_CERT") or os.environ.get("KASTELLAN_TLS_KEY"))
    kind = Tls.GIVEN if given else None if tls is None else Tls.OWN if tls else Tls.NONE
    return Asked(os.environ.get("KASTELLAN_HOST") or None, _asked_port(), kind, insecure or _asked_insecure())


def recorded_address(paths: DataPaths) -> WebAddress | None:
    try:
        saved = json.loads(paths.settings.read_text())
        tls, insecure = Tls(saved.get("tls", "")), bool(saved.get("insecure", False))
        return WebAddress(saved["host"], saved["port"], tls, insecure)
    except (OSError, ValueError, KeyError):
        return None


def choose_address(paths: DataPaths, wanted: Asked) -> tuple[WebAddress, str]:
    """The address to serve on, and a note when its port is not the one that was asked for. Remembers nothing."""
    saved = recorded_address(paths)
    host = wanted.host or (saved.host if saved else DEFAULT_HOST)
    # Files that were named once must be named again: without them the certificate cannot be found.
    kept = saved.tls if saved and saved.tls is Tls.OWN else Tls.NONE
    tls = kept if wanted.tls is None else wanted.tls
    if saved is not None and wanted.port in (None, saved.port):
        return WebAddress(host, saved.port, tls, wanted.insecure), ""
    first = wanted.port or DEFAULT_PORT
    port = next((p for p in range(first, first + PORTS_TRIED) if _is_free(host, p)), None)
    if port is None:
        raise CommandFailed(
            f"no free port between {first} and {first + PORTS_TRIED} for the web server",
            "Name one: KASTELLAN_PORT=9000 ./run up",
        )
    note = "" if port == first else f"Port {first} is taken: the web server uses {port} from now on"
    return WebAddress(host, port, tls, wanted.insecure), note


def record_address(paths: DataPaths, address: WebAddress) -> None:
    private_directory(paths.state)
    part = paths.settings.with_suffix(".part")
    part.write_text(json.dumps(asdict(address)))
    part.replace(paths.settings)


def _is_free(host: str, port: int) -> bool:
    try:
        return bundled.port_is_free(host, port)
    except OSError as error:
        raise CommandFailed(
            f"cannot listen on {host}: {error.strerror}", "KASTELLAN_HOST is an address of this machine."
        ) from error


def _asked_port() -> int | None:
    raw = os.environ.get("KASTELLAN_PORT")
    if not raw:
        return None
    if not raw.isdigit() or not 1 <= int(raw) <= 65535:
        raise CommandFailed(f"KASTELLAN_PORT={raw} is not a port", "Use a number from 1 to 65535.")
    return int(raw)


def _asked_insecure() -> bool:
    return os.environ.get("KASTELLAN_INSECURE", "").lower() in ("1", "true", "yes", "on")
