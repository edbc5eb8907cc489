"""A cluster's certificate files: made once, private, renewed in time, whole after a crash."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from broker.credentials import NodeTls, admin_files, control_files, ensure_credentials
from broker.issuance import leaves
from broker.paths import DataPaths
from broker.pki import PkiError
from broker.ports import listeners
from broker.spec import ClusterSpec, NodeSpec
from broker.web_tls import ensure_web_certificate

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NODES = tuple(
    NodeSpec(n, listeners("127.0.0.1", 20000 + n * 10), 20004 + n * 10, f"dir{n}", True) for n in (1, 2)
)
SPEC = ClusterSpec("main", "aaaaaaaaaaaaaaaaaaaaaa", NODES)
EVERYTHING = ("broker-1", "broker-2", "kastellan-control", "admin")


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    return DataPaths(tmp_path / "data").prepare()


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def leaf(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificates(path.read_bytes())[0]


def test_the_first_call_issues_everything_and_the_second_nothing(paths: DataPaths) -> None:
    assert ensure_credentials(paths, SPEC, NOW) == EVERYTHING
    before = files(paths.root)
    assert ensure_credentials(paths, SPEC, NOW + timedelta(days=30)) == ()
    assert files(paths.root) == before


def test_every_file_is_private(paths: DataPaths) -> None:
    ensure_credentials(paths, SPEC, NOW)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in paths.root.rglob("*")}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}


def test_a_node_sends_leaf_and_issuing_and_trusts_roots_only(paths: DataPaths) -> None:
    ensure_credentials(paths, SPEC, NOW)
    tls = NodeTls(paths.cluster("main").node(1).tls)
    assert tls.keystore.read_text().count("BEGIN CERTIFICATE") == 2
    assert tls.keystore.read_text().count("BEGIN PRIVATE KEY") == 1
    for truststore in (tls.broker_root, tls.client_root):
        (root,) = x509.load_pem_x509_certificates(truststore.read_bytes())
        assert root.subject == root.issuer


@pytest.mark.parametrize(
    ("days", "renewed"), [(59, ()), (60, EVERYTHING), (91, EVERYTHING), (400, EVERYTHING)]
)
def test_leaves_are_reissued_from_two_thirds_of_their_life_on(
    paths: DataPaths, days: int, renewed: tuple[str, ...]
) -> None:
    ensure_credentials(paths, SPEC, NOW)
    roots = {
        purpose: (paths.cluster("main").pki / purpose / "root.pem").read_bytes()
        for purpose in ("brokers", "clients")
    }
    later = NOW + timedelta(days=days)
    assert ensure_credentials(paths, SPEC, later) == renewed
    for purpose, root in roots.items():
        assert (paths.cluster("main").pki / purpose / "root.pem").read_bytes() == root
    for file in (
        control_files(paths.cluster("main")).certfile,
        admin_files(paths.cluster("main")).certificate,
    ):
        assert leaf(file).not_valid_before_utc < later < leaf(file).not_valid_after_utc


def test_over_ten_years_no_leaf_is_ever_past_its_end_and_the_issuing_key_stays(paths: DataPaths) -> None:
    ensure_credentials(paths, SPEC, NOW)
    pki = paths.cluster("main").pki
    key = leaf(pki / "brokers" / "issuing.pem").public_key()
    for days in range(0, 3200, 100):
        now = NOW + timedelta(days=days)
        ensure_credentials(paths, SPEC, now)
        keystore = NodeTls(paths.cluster("main").node(1).tls).keystore
        assert now + timedelta(days=29) < leaf(keystore).not_valid_after_utc
    assert leaf(pki / "brokers" / "issuing.pem").public_key() == key


def test_an_expired_root_is_told_and_never_replaced_silently(paths: DataPaths) -> None:
    ensure_credentials(paths, SPEC, NOW)
    with pytest.raises(PkiError, match="root certificate of cluster main has expired"):
        ensure_credentials(paths, SPEC, NOW + timedelta(days=3660))


def test_a_crash_between_key_and_certificate_is_healed(paths: DataPaths) -> None:
    ensure_credentials(paths, SPEC, NOW)
    control = control_files(paths.cluster("main"))
    admin = admin_files(paths.cluster("main"))
    control.keyfile.write_bytes(admin.key.read_bytes())
    NodeTls(paths.cluster("main").node(2).tls).keystore.unlink()
    assert ensure_credentials(paths, SPEC, NOW) == ("broker-2", "kastellan-control")
    assert ensure_credentials(paths, SPEC, NOW) == ()


def test_a_lost_issuing_authority_is_made_anew_with_all_leaves(paths: DataPaths) -> None:
    ensure_credentials(paths, SPEC, NOW)
    (paths.cluster("main").pki / "brokers" / "issuing.pem").unlink()
    assert ensure_credentials(paths, SPEC, NOW) == ("broker-1", "broker-2", "kastellan-control")


def test_a_new_host_name_reissues_the_brokers_leaves(
    paths: DataPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_credentials(paths, SPEC, NOW)
    monkeypatch.setattr("socket.gethostname", lambda: "renamed")
    assert ensure_credentials(paths, SPEC, NOW) == ("broker-1", "broker-2", "kastellan-control")


def test_the_web_servers_own_certificate_is_listed_once_it_was_asked_for(paths: DataPaths) -> None:
    ensure_credentials(paths, SPEC, NOW)
    assert [each.name for each in leaves(paths, SPEC)] == list(EVERYTHING)
    certificate, _ = ensure_web_certificate(paths, SPEC, (), NOW)
    assert leaves(paths, SPEC)[-1].name == "kastellan-web"
    assert leaves(paths, SPEC)[-1].certificate == leaf(certificate)
