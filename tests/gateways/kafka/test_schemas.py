"""Our copies of Kafka's message schemas are those of the locked jar, byte for byte."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from controlplane.gateways.kafka import schemas

COPIES = sorted(Path(schemas.__file__).parent.glob("*.json"))


def jar() -> Path | None:
    found = sorted(Path(os.environ["KASTELLAN_ARTIFACTS"]).rglob("kafka-clients-*.jar"))
    return found[0] if found else None


def test_there_are_copies_and_a_notice() -> None:
    assert len(COPIES) == 8
    assert "Apache" in (COPIES[0].parent / "NOTICE").read_text()


@pytest.mark.parametrize("copy", COPIES, ids=lambda path: path.name)
def test_a_copy_is_byte_for_byte_that_of_the_jar(copy: Path) -> None:
    source = jar()
    if source is None:
        pytest.skip("the Kafka jars have not been fetched")
    with zipfile.ZipFile(source) as archive:
        assert copy.read_bytes() == archive.read(f"common/message/{copy.name}")


@pytest.mark.parametrize("copy", COPIES, ids=lambda path: path.name)
def test_a_copy_keeps_its_licence_header(copy: Path) -> None:
    assert "Licensed to the Apache Software Foundation" in copy.read_text()
