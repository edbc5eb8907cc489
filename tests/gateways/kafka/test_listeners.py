from __future__ import annotations

import pytest

from controlplane.gateways.errors import TargetRefused
from controlplane.gateways.kafka._listeners import guard_of, refuse_suspicious, suspicious
from controlplane.gateways.kafka.security import KafkaConnection

PUBLIC = "kafka.example.org"


@pytest.mark.parametrize(
    "advertised",
    [
        "127.0.0.1", "localhost", "10.0.0.7", "192.168.1.1", "169.254.169.254", "100.64.0.1", "[::1]", "fd00::1", "fe80::1",
        "::ffff:10.0.0.1", "0.0.0.0", "2130706433", "0x7f.1", "metadata.google.internal", "kafka-0.kafka.svc", "broker.local",
        "", "a b",
    ],
)  # fmt: skip
def test_a_public_cluster_that_sends_us_inside_is_suspicious(advertised: str) -> None:
    finding = suspicious(PUBLIC, advertised)
    assert finding is not None
    assert finding.reason
    assert isinstance(finding.refusal(), TargetRefused)


@pytest.mark.parametrize("advertised", ["b1.kafka.example.org", "8.8.8.8", "2a00:1450:4001:800::200e"])
def test_a_public_cluster_that_advertises_public_names_is_fine(advertised: str) -> None:
    assert suspicious(PUBLIC, advertised) is None


@pytest.mark.parametrize(
    ("bootstrap", "advertised", "odd"),
    [
        ("10.0.0.1", "10.0.0.2", False),
        ("127.0.0.1", "127.0.0.1", False),
        ("10.0.0.1", "127.0.0.1", True),
        ("10.0.0.1", "169.254.169.254", True),
        ("169.254.169.254", "169.254.169.254", True),
        ("127.0.0.1", "8.8.8.8", False),
    ],
)
def test_the_own_kind_of_the_bootstrap_is_no_surprise(bootstrap: str, advertised: str, odd: bool) -> None:
    assert (suspicious(bootstrap, advertised) is not None) is odd


def test_a_cluster_that_may_be_private_is_not_judged() -> None:
    refuse_suspicious(KafkaConnection(f"{PUBLIC}:9092", allow_private=True), ["127.0.0.1"])
    assert guard_of(KafkaConnection(f"{PUBLIC}:9092", allow_private=True)) is None


def test_one_that_may_not_is_refused_with_what_to_do() -> None:
    connection = KafkaConnection(f"{PUBLIC}:9092", allow_private=False)
    with pytest.raises(TargetRefused) as caught:
        refuse_suspicious(connection, ["b1.example.org", "10.0.0.1"])
    assert "10.0.0.1" in caught.value.what
    assert "administrator" in caught.value.hint


def test_the_guard_judges_what_a_public_name_resolves_to() -> None:
    guard = guard_of(
        KafkaConnection(f"{PUBLIC}:9092", allow_private=False), resolver=lambda host, port: ("10.0.0.1",)
    )
    assert guard is not None
    with pytest.raises(TargetRefused):
        guard("innocent.example.org", 9092)
