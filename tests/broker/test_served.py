"""Who needs a reload, who a restart, and until when: from what is presented, file times, and the start of a process."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from broker.credentials import NodeTls, ensure_credentials
from broker.paths import DataPaths
from broker.ports import listeners
from broker.served import NodeTlsState, node_state, process_start, reload_settings
from broker.spec import ClusterSpec, NodeSpec

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
#: Nothing listens there.
NODE = NodeSpec(1, listeners("127.0.0.1", 1), 5, "dir1", True)
SPEC = ClusterSpec("main", "aaaaaaaaaaaaaaaaaaaaaa", (NODE,))


@pytest.fixture
def data(tmp_path: Path) -> DataPaths:
    return DataPaths(tmp_path / "data").prepare()


@pytest.mark.parametrize(
    ("served", "stale", "silent"),
    [
        ({"SSL": 7, "INTERNAL": 7}, (), ()),
        ({"SSL": 6, "INTERNAL": 7}, ("SSL",), ()),
        ({"SSL": None, "INTERNAL": 6}, ("INTERNAL",), ("SSL",)),
    ],
)
def test_a_listener_is_stale_when_it_presents_another_certificate_and_silent_when_none(
    served: dict[str, int | None], stale: tuple[str, ...], silent: tuple[str, ...]
) -> None:
    state = NodeTlsState(1, 7, served)
    assert (state.stale_listeners, state.silent_listeners) == (stale, silent)


@pytest.mark.parametrize(
    ("started", "changed", "needed"),
    [(None, 100.0, False), (99.0, 100.0, True), (100.0, 100.0, True), (100.2, 100.0, False)],
)
def test_a_running_node_that_started_before_its_files_changed_needs_a_restart(
    started: float | None, changed: float, needed: bool
) -> None:
    assert NodeTlsState(1, 7, started=started, files_changed=changed).restart_needed is needed


def test_the_start_of_a_process_is_known() -> None:
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        began = datetime.now(UTC).timestamp()
        started = process_start(sleeper.pid)
        sleeper.kill()
    # The kernel tells the second of its own start and no more.
    assert started == pytest.approx(began, abs=2)
    assert process_start(2**22 + 1) is None


def test_until_its_restart_a_node_uses_the_certificate_that_it_read_at_its_start(
    data: DataPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reissued twice while it ran: what counts is the one before both, not the one in between."""
    place = data.cluster("main")
    tls = NodeTls(place.node(1).tls)
    ends = []
    for day in (0, 61, 122):
        ensure_credentials(data, SPEC, NOW + timedelta(days=day))
        ends.append(NOW + timedelta(days=day + 90))
    started = (NOW + timedelta(days=10)).timestamp()
    monkeypatch.setattr("broker.served.process_start", lambda pid: started)
    changed = (NOW + timedelta(days=122)).timestamp()
    os.utime(tls.keystore, (changed, changed))
    state = node_state(place, NODE, 1)
    assert state.restart_needed
    assert state.raft_leaf_ends == ends[0]
    assert state.silent_listeners == ("INTERNAL", "SSL", "SASL_SSL")


def test_a_node_that_was_started_since_uses_the_certificate_of_its_file(
    data: DataPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_credentials(data, SPEC, NOW)
    monkeypatch.setattr("broker.served.process_start", lambda pid: datetime.now(UTC).timestamp() + 60)
    state = node_state(data.cluster("main"), NODE, 1)
    assert not state.restart_needed
    assert state.raft_leaf_ends == NOW + timedelta(days=90)


def test_reloading_names_the_same_files_again_each_listener_its_own_trust(data: DataPaths) -> None:
    place = data.cluster("main")
    settings = reload_settings(place, SPEC, NODE)
    tls = NodeTls(place.node(1).tls)
    assert len(settings) == 6
    assert settings["listener.name.ssl.ssl.truststore.location"] == str(tls.client_root)
    assert settings["listener.name.internal.ssl.truststore.location"] == str(tls.broker_root)
    assert {v for k, v in settings.items() if "keystore" in k} == {str(tls.keystore)}


def test_over_400_days_of_hourly_renewals_no_leaf_in_the_file_is_ever_past_its_end(data: DataPaths) -> None:
    """CA-9, sampled by the day: the file's leaf always has a third of its life left."""
    tls = NodeTls(data.cluster("main").node(1).tls)
    for day in range(400):
        now = NOW + timedelta(days=day)
        ensure_credentials(data, SPEC, now)
        leaf = x509.load_pem_x509_certificates(tls.keystore.read_bytes())[0]
        assert leaf.not_valid_after_utc - now > timedelta(days=29)
