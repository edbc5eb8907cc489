"""D9, PK-5: where the web server may serve, what is remembered, and what is needed beyond loopback."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from broker import pki
from broker.cluster import plan_cluster
from broker.errors import BundledError
from broker.paths import DataPaths
from broker.spec import ClusterSpec
from controlplane.cli.console import CommandFailed
from controlplane.cli.serving import check_admin, check_bind, names, tls_files
from controlplane.cli.settings import (
    Asked,
    Tls,
    WebAddress,
    asked,
    choose_address,
    record_address,
    recorded_address,
)
from controlplane.gateways.errors import GatewayError
from tests.cli.launcher import run

EVERYWHERE = "0.0.0.0"


@pytest.fixture(autouse=True)
def nothing_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "PORT", "TLS_CERT", "TLS_KEY", "INSECURE", "TRUSTED_PROXY", "ALLOWED_HOSTS"):
        monkeypatch.delenv(f"KASTELLAN_{name}", raising=False)


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    return DataPaths(tmp_path / "data").prepare()


def spec_of(paths: DataPaths) -> ClusterSpec:
    return plan_cluster(paths, name="main", brokers=1, base_port=29192, host="127.0.0.1")


@pytest.mark.parametrize(
    ("address", "proxy", "allowed"),
    [
        (WebAddress("127.0.0.1", 1), "", True),
        (WebAddress("127.0.0.2", 1), "", True),
        (WebAddress("::1", 1), "", True),
        (WebAddress("localhost", 1), "", True),
        (WebAddress(EVERYWHERE, 1), "", False),
        (WebAddress("::", 1), "", False),
        (WebAddress("10.0.0.7", 1), "0", False),
        (WebAddress("kafka.example.com", 1), "", False),
        (WebAddress(EVERYWHERE, 1), "1", True),
        (WebAddress(EVERYWHERE, 1, Tls.OWN), "", True),
        (WebAddress(EVERYWHERE, 1, Tls.GIVEN), "", True),
        (WebAddress(EVERYWHERE, 1, insecure=True), "", True),
    ],
)
def test_plain_http_stays_on_loopback(
    address: WebAddress, proxy: str, allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KASTELLAN_TRUSTED_PROXY", proxy)
    if allowed:
        check_bind(address)
        return
    with pytest.raises(CommandFailed, match="without TLS") as refused:
        check_bind(address)
    assert "--tls" in refused.value.hint
    assert "--insecure" in refused.value.hint


def test_beyond_loopback_somebody_must_have_a_password() -> None:
    check_admin(WebAddress("127.0.0.1", 1), False)
    check_admin(WebAddress(EVERYWHERE, 1, Tls.OWN), True)
    check_admin(WebAddress(EVERYWHERE, 1, insecure=True), False)
    with pytest.raises(CommandFailed, match="before an admin has set a password"):
        check_admin(WebAddress(EVERYWHERE, 1, Tls.OWN), False)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        (WebAddress("127.0.0.1", 80), "http://127.0.0.1:80"),
        (WebAddress("::1", 80), "http://[::1]:80"),
        (WebAddress(EVERYWHERE, 80, Tls.OWN), "https://127.0.0.1:80"),
        (WebAddress("::", 80, Tls.OWN), "https://[::1]:80"),
        (WebAddress("kafka.example.com", 80, Tls.GIVEN), "https://kafka.example.com:80"),
    ],
)
def test_the_address_is_told_as_a_browser_takes_it(address: WebAddress, url: str) -> None:
    assert address.url == url


class TestChoice:
    def test_what_is_asked_counts_before_what_is_remembered(self, paths: DataPaths) -> None:
        record_address(paths, WebAddress("127.0.0.1", 9001))
        found, _ = choose_address(paths, Asked(host="127.0.0.2", tls=Tls.OWN))
        assert found == WebAddress("127.0.0.2", 9001, Tls.OWN)
        assert recorded_address(paths) == WebAddress("127.0.0.1", 9001)

    def test_what_is_remembered_holds_where_nothing_is_asked(self, paths: DataPaths) -> None:
        record_address(paths, WebAddress("127.0.0.2", 9001, Tls.OWN))
        assert choose_address(paths, Asked())[0] == WebAddress("127.0.0.2", 9001, Tls.OWN)
        assert choose_address(paths, Asked(tls=Tls.NONE))[0].tls is Tls.NONE

    def test_insecure_and_named_files_must_be_said_each_time(self, paths: DataPaths) -> None:
        record_address(paths, WebAddress(EVERYWHERE, 9001, insecure=True))
        assert not choose_address(paths, Asked())[0].insecure
        record_address(paths, WebAddress(EVERYWHERE, 9001, Tls.GIVEN))
        assert choose_address(paths, Asked())[0].tls is Tls.NONE

    def test_a_record_of_an_older_version_is_read(self, paths: DataPaths) -> None:
        paths.settings.write_text(json.dumps({"host": "127.0.0.1", "port": 8641}))
        assert recorded_address(paths) == WebAddress("127.0.0.1", 8641)

    @pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
    def test_a_port_of_ipv6_loopback_is_found(self, paths: DataPaths) -> None:
        found, note = choose_address(paths, Asked(host="::1", port=18640))
        assert found.host == "::1"
        assert found.port == 18640 or note

    def test_the_next_free_port_is_taken_and_told(self, paths: DataPaths) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            found, note = choose_address(paths, Asked(port=port))
        assert found.port > port
        assert f"Port {port} is taken" in note

    def test_an_address_of_another_machine_is_refused_in_words(self, paths: DataPaths) -> None:
        with pytest.raises(CommandFailed, match=r"cannot listen on 192\.0\.2\.1"):
            choose_address(paths, Asked(host="192.0.2.1"))

    def test_the_environment_and_the_options_ask(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert asked() == Asked()
        assert asked(tls=True).tls is Tls.OWN
        assert asked(tls=False).tls is Tls.NONE
        monkeypatch.setenv("KASTELLAN_HOST", "::1")
        monkeypatch.setenv("KASTELLAN_TLS_CERT", "/x")
        monkeypatch.setenv("KASTELLAN_INSECURE", "1")
        assert asked() == Asked("::1", None, Tls.GIVEN, insecure=True)


class TestCertificates:
    def test_one_of_our_own_is_issued_once_for_this_machine(self, paths: DataPaths) -> None:
        spec, address = spec_of(paths), WebAddress(EVERYWHERE, 1, Tls.OWN)
        files = tls_files(paths, spec, address)
        again = tls_files(paths, spec, address)
        assert files is not None
        assert again is not None
        assert files.fingerprint == again.fingerprint
        assert files.key.stat().st_mode & 0o077 == 0
        from cryptography import x509

        leaf = x509.load_pem_x509_certificates(files.certificate.read_bytes())[0]
        assert {"localhost", "127.0.0.1", "::1"} <= set(pki.hosts_of(leaf))
        assert EVERYWHERE not in pki.hosts_of(leaf)

    def test_a_name_that_the_authority_may_not_certify_is_refused(
        self, paths: DataPaths, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("KASTELLAN_ALLOWED_HOSTS", "kafka.example.com")
        assert "kafka.example.com" in names(WebAddress(EVERYWHERE, 1, Tls.OWN))
        with pytest.raises((GatewayError, BundledError), match=r"may not certify kafka\.example\.com"):
            tls_files(paths, spec_of(paths), WebAddress(EVERYWHERE, 1, Tls.OWN))

    def test_named_files_must_be_there_and_belong_together(
        self, paths: DataPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        own = tls_files(paths, spec_of(paths), WebAddress(EVERYWHERE, 1, Tls.OWN))
        assert own is not None
        address = WebAddress(EVERYWHERE, 1, Tls.GIVEN)
        with pytest.raises(CommandFailed, match="KASTELLAN_TLS_CERT is missing"):
            tls_files(paths, spec_of(paths), address)
        monkeypatch.setenv("KASTELLAN_TLS_CERT", str(own.certificate))
        with pytest.raises(CommandFailed, match="KASTELLAN_TLS_KEY is missing"):
            tls_files(paths, spec_of(paths), address)
        other = tmp_path / "other.pem"
        other.write_text(pki.key_pem(pki.new_key()))
        monkeypatch.setenv("KASTELLAN_TLS_KEY", str(other))
        with pytest.raises(CommandFailed, match="cannot be used"):
            tls_files(paths, spec_of(paths), address)
        monkeypatch.setenv("KASTELLAN_TLS_KEY", str(tmp_path / "absent"))
        with pytest.raises(CommandFailed, match="No such file"):
            tls_files(paths, spec_of(paths), address)
        monkeypatch.setenv("KASTELLAN_TLS_KEY", str(own.key))
        assert tls_files(paths, spec_of(paths), address) == own


def test_a_refused_address_is_not_remembered(tmp_path: Path) -> None:
    """D9: after the refusal every later `up` failed, because the address had been recorded."""
    data = tmp_path / "data"
    refused = run(data, "up", "--detach", "--brokers", "1", KASTELLAN_HOST=EVERYWHERE)
    assert refused.returncode == 1
    assert f"refusing to serve on {EVERYWHERE} without TLS" in refused.stderr
    assert recorded_address(DataPaths(data)) is None
    no_admin = run(data, "up", "--detach", "--brokers", "1", "--tls", KASTELLAN_HOST=EVERYWHERE)
    assert no_admin.returncode == 1
    assert "before an admin has set a password" in no_admin.stderr
    assert recorded_address(DataPaths(data)) is None
    assert not DataPaths(data).processes.exists()
