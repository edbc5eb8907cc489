"""What the nodes present and trust on the wire, held against their files: who needs a reload, who a restart.

Nothing is remembered: the truth is a TLS handshake, the times of the files, and the start time of the process. A
listener reloads its files when told to; the client side of a node (raft, fetchers) reads them at its start only
(KAFKA-20025), so a node that started before its files changed still uses the old ones there.
"""

from __future__ import annotations

import os
import socket
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from cryptography import x509

from broker import wire
from broker.credentials import ControlCredentials, NodeTls, own_certificates
from broker.paths import ClusterPaths
from broker.pki import BACKDATE, Hierarchy, KeyPair
from broker.process import read_stat
from broker.spec import INTERNAL, ClusterSpec, Listener, NodeSpec, Protocol

#: Listeners that Kafka reloads when their files are named to it again. CONTROLLER is read at the start.
RELOADABLE = (INTERNAL, Protocol.SSL.value, Protocol.SASL_SSL.value)
PROBE_S = 5.0
#: Each network thread of a listener reloads by itself, one after the other, and takes connections in turn: as many
#: probes as a listener may have threads see them all (two in the bundled profile).
ROUNDS = 4
#: How exactly a process's start can be told from /proc.
TICK_S = 0.05


@dataclass(frozen=True, slots=True)
class NodeTlsState:
    """`served`: listener to the serial it presents, None where it did not answer. Times are Unix seconds. `leaf`: the
    certificate in its files."""

    node: int
    serial: int
    served: Mapping[str, int | None] = field(default_factory=dict[str, int | None])
    started: float | None = None
    files_changed: float = 0.0
    raft_leaf_ends: datetime | None = None
    leaf: x509.Certificate | None = None

    @property
    def stale_listeners(self) -> tuple[str, ...]:
        """Those that answered with another certificate than the file's."""
        return tuple(name for name, serial in self.served.items() if serial not in (None, self.serial))

    @property
    def silent_listeners(self) -> tuple[str, ...]:
        return tuple(name for name, serial in self.served.items() if serial is None)

    @property
    def restart_needed(self) -> bool:
        """A node that does not run reads everything when it starts."""
        return self.started is not None and self.started <= self.files_changed + TICK_S


def node_state(paths: ClusterPaths, node: NodeSpec, pid: int | None) -> NodeTlsState:
    tls = NodeTls(paths.node(node.id).tls)
    leaf = x509.load_pem_x509_certificates(tls.keystore.read_bytes())[0]
    started = process_start(pid) if pid is not None else None
    changed = max(file.stat().st_mtime for file in (tls.keystore, tls.broker_root))
    state = NodeTlsState(
        node=node.id,
        serial=leaf.serial_number,
        served={name: presented(node.listener(name), leaf.serial_number) for name in RELOADABLE},
        started=started,
        files_changed=changed,
        raft_leaf_ends=leaf.not_valid_after_utc,
        leaf=leaf,
    )
    if started is None or not state.restart_needed:
        return state
    return replace(state, raft_leaf_ends=_end_of_leaf_read_at(started, own_certificates(tls)))


def _end_of_leaf_read_at(started: float, newest_first: list[x509.Certificate]) -> datetime | None:
    """Of the newest certificate that existed when the node started; None where nobody kept it."""
    issued = ((each, (each.not_valid_before_utc + BACKDATE).timestamp()) for each in newest_first)
    return next((each.not_valid_after_utc for each, at in issued if at <= started), None)


def process_start(pid: int) -> float | None:
    stat = read_stat(pid)
    if stat is None:
        return None
    boot = next(
        int(line.split()[1])
        for line in Path("/proc/stat").read_text().splitlines()
        if line.startswith("btime ")
    )
    return boot + stat.start_ticks / os.sysconf("SC_CLK_TCK")


def presented(listener: Listener, expected: int) -> int | None:
    """The serial that a listener presents on every thread, else one that is not the expected one."""
    shown = [presented_serial(listener) for _ in range(ROUNDS)]
    return next((serial for serial in shown if serial != expected), expected)


def presented_serial(listener: Listener) -> int | None:
    """Of the certificate that a listener shows; verifying it is not the question here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((listener.host, listener.port), PROBE_S) as plain,
            context.wrap_socket(plain) as tls,
        ):
            shown = tls.getpeercert(binary_form=True)
    except OSError:
        return None
    return x509.load_der_x509_certificate(shown).serial_number if shown else None


def accepts(listener: Listener, hierarchy: Hierarchy, leaf: KeyPair, trusted_pem: str) -> bool | None:
    """Whether the listener takes a certificate of the hierarchy; None while its threads do not agree, or nobody answers."""
    with tempfile.TemporaryDirectory(prefix="kastellan-probe-") as directory:
        files = ControlCredentials(*(Path(directory) / name for name in ("ca.pem", "leaf.pem", "leaf.key")))
        for path, text in (
            (files.cafile, trusted_pem),
            (files.certfile, hierarchy.chain_pem(leaf.certificate)),
            (files.keyfile, leaf.key_pem),
        ):
            path.touch(mode=0o600)
            path.write_text(text)
        answers = {_answers(listener, files) for _ in range(ROUNDS)}
    return answers.pop() if len(answers) == 1 else None


def _answers(listener: Listener, files: ControlCredentials) -> bool | None:
    """Whether a request is answered at all: TLS 1.3 refuses a client's certificate only after the handshake.

    None where that says nothing about the certificate: nobody listens, nobody answers in time, or we refuse the listener.
    """
    try:
        wire.exchange(listener, files, wire.DESCRIBE_SCRAM, wire.describe_scram_request([]), PROBE_S)
    except (ConnectionRefusedError, TimeoutError, ssl.SSLCertVerificationError):
        return None
    except (OSError, wire.WireError):
        return False
    return True


def probed_listener(node: NodeSpec, *, clients: bool) -> Listener:
    """Where a hierarchy's certificates are checked: clients' on SSL, brokers' on INTERNAL."""
    return node.listener(Protocol.SSL.value if clients else INTERNAL)


def reload_settings(paths: ClusterPaths, spec: ClusterSpec, node: NodeSpec) -> dict[str, str]:
    """Naming the same files again is what makes a listener read them (dynamic broker settings, per listener)."""
    tls = NodeTls(paths.node(node.id).tls)
    settings: dict[str, str] = {}
    for name in RELOADABLE:
        prefix = f"listener.name.{name.lower()}.ssl"
        root = tls.client_root if name == Protocol.SSL.value else tls.broker_root
        settings[f"{prefix}.keystore.location"] = str(tls.keystore)
        settings[f"{prefix}.truststore.location"] = str(root)
    return settings
