"""What the launcher decides once and remembers in `state/settings.json`: the address of the web server.

The port is chosen at the first start (the next free one when the default is taken) and fixed from then on,
so that links, bookmarks and scrape configurations keep working.
"""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass

from controlplane.cli.console import CommandFailed
from controlplane.gateways.broker import DataPaths

DEFAULT_PORT = 8640
PORTS_TRIED = 50


@dataclass(frozen=True, slots=True)
class WebAddress:
    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


def recorded_address(paths: DataPaths) -> WebAddress | None:
    try:
        saved = json.loads((paths.state / "settings.json").read_text())
        return WebAddress(saved["host"], saved["port"])
    except (OSError, ValueError, KeyError):
        return None


def port_is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def choose_address(paths: DataPaths) -> tuple[WebAddress, str]:
    """The address to serve on, and a note when it is not the one that was asked for."""
    asked = _asked_port()
    saved = recorded_address(paths)
    if saved is not None and asked in (None, saved.port):
        return saved, ""
    host = os.environ.get("KASTELLAN_HOST") or "127.0.0.1"
    wanted = asked or DEFAULT_PORT
    port = next((p for p in range(wanted, wanted + PORTS_TRIED) if port_is_free(host, p)), None)
    if port is None:
        raise CommandFailed(
            f"no free port between {wanted} and {wanted + PORTS_TRIED} for the web server",
            "Name one: KASTELLAN_PORT=9000 ./run up",
        )
    address = WebAddress(host, port)
    _record(paths, address)
    note = "" if port == wanted else f"Port {wanted} is taken: the web server uses {port} from now on"
    return address, note


def _asked_port() -> int | None:
    raw = os.environ.get("KASTELLAN_PORT")
    if not raw:
        return None
    if not raw.isdigit() or not 1 <= int(raw) <= 65535:
        raise CommandFailed(f"KASTELLAN_PORT={raw} is not a port", "Use a number from 1 to 65535.")
    return int(raw)


def _record(paths: DataPaths, address: WebAddress) -> None:
    target = paths.state / "settings.json"
    part = target.with_suffix(".part")
    part.write_text(json.dumps({"host": address.host, "port": address.port}))
    part.replace(target)
