"""An authority that no machine trusts, and a server on loopback whose certificate it signed."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from http.server import HTTPServer
from pathlib import Path

from broker.pki import Purpose, create_hierarchy, issue

NOW = datetime.now(UTC)
HIERARCHY = create_hierarchy(Purpose.BROKERS, "own", ["127.0.0.1"], NOW)
CA_PEM = HIERARCHY.root.certificate_pem
OTHER_CA_PEM = create_hierarchy(Purpose.BROKERS, "other", ["127.0.0.1"], NOW).root.certificate_pem
LEAF = issue(HIERARCHY, "server", ["127.0.0.1"], NOW)
LEAF_PEM = LEAF.certificate_pem


def secured(server: HTTPServer, directory: Path) -> None:
    """From now on it speaks TLS, on the port that it has."""
    file = directory / "own-server.pem"
    file.write_text(LEAF.key_pem + HIERARCHY.chain_pem(LEAF.certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server.socket = context.wrap_socket(server.socket, server_side=True)
