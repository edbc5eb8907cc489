"""Ports, heap and JVM flags as settings."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from broker import ports
from broker.errors import BundledError
from broker.spec import LAPTOP_FLAGS, JvmProfile
from broker.tuning import base_port, jvm_profile

LAPTOP = JvmProfile()


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, LAPTOP),
        ({"KASTELLAN_HEAP_MB": " "}, LAPTOP),
        ({"KASTELLAN_HEAP_MB": "2048"}, JvmProfile(2048, LAPTOP_FLAGS)),
        (
            {"KASTELLAN_JVM_FLAGS": "-XX:+UseG1GC '-Da=b c' --add-opens=java.base/x=ALL-UNNAMED"},
            JvmProfile(384, ("-XX:+UseG1GC", "-Da=b c", "--add-opens=java.base/x=ALL-UNNAMED")),
        ),
    ],
)
def test_the_environment_adjusts_the_jvm(env: Mapping[str, str], expected: JvmProfile) -> None:
    assert jvm_profile(LAPTOP, env) == expected


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"KASTELLAN_HEAP_MB": "1g"}, "KASTELLAN_HEAP_MB=1g cannot be used"),
        ({"KASTELLAN_HEAP_MB": "16"}, "cannot be used"),
        ({"KASTELLAN_JVM_FLAGS": "-XX:+UseG1GC kafka.Kafka"}, "holds 'kafka.Kafka'"),
        ({"KASTELLAN_JVM_FLAGS": "-cp /elsewhere"}, "holds '-cp'"),
        ({"KASTELLAN_JVM_FLAGS": "'-XX"}, "cannot be read"),
    ],
)
def test_nonsense_is_refused_by_name(env: Mapping[str, str], words: str) -> None:
    with pytest.raises(BundledError, match=words):
        jvm_profile(LAPTOP, env)


def test_the_first_port_of_a_new_cluster_is_a_setting() -> None:
    assert base_port({}) == ports.BASE
    assert base_port({"KASTELLAN_BROKER_PORTS": "20092"}) == 20092
    with pytest.raises(BundledError, match="KASTELLAN_BROKER_PORTS=80"):
        base_port({"KASTELLAN_BROKER_PORTS": "80"})
