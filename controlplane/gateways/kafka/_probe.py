"""A second look with a TLS handshake of our own, where librdkafka's words leave two causes possible."""

from __future__ import annotations

import socket
import ssl

from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka._transport import AddressGuard
from controlplane.gateways.kafka.security import KafkaConnection, ssl_context, tls_of
from controlplane.gateways.kafka.types import Cause

TIMEOUT_S = 1.5
# OpenSSL's X509_V_ERR_*: what `certificate verify failed` was about.
VERIFY_CAUSES = {
    9: Cause.CERTIFICATE_EXPIRED,  # not yet valid
    10: Cause.CERTIFICATE_EXPIRED,
    62: Cause.HOSTNAME_MISMATCH,
    64: Cause.HOSTNAME_MISMATCH,  # an address in place of a name
}


def probe(connection: KafkaConnection, guard: AddressGuard | None) -> Cause | None:
    """What the first address that can be connected to says to a handshake; None when that explains nothing."""
    for host, port in connection.addresses:
        try:
            with _connected(host, port, guard) as plain:
                return _handshake(connection, plain, host)
        except (OSError, GatewayError):
            continue
    return None


def _connected(host: str, port: int, guard: AddressGuard | None) -> socket.socket:
    address = host if guard is None else guard(host, port)[0]
    return socket.create_connection((address, port), timeout=TIMEOUT_S)


def _handshake(connection: KafkaConnection, plain: socket.socket, host: str) -> Cause | None:
    tls = tls_of(connection.security)
    context = _trusting_anyone() if tls is None else ssl_context(tls)
    try:
        with context.wrap_socket(plain, server_hostname=host):
            return Cause.PLAINTEXT_TO_TLS if tls is None else None
    except ssl.SSLCertVerificationError as error:
        return VERIFY_CAUSES.get(error.verify_code, Cause.UNTRUSTED_CERTIFICATE)
    except (ssl.SSLError, OSError):
        return None


def _trusting_anyone() -> ssl.SSLContext:
    """Only to learn whether the port speaks TLS at all: nothing is sent over it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
