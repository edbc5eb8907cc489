"""Secrets in files that Java reads as properties."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from broker import connect
from broker.connect_render import property_text, property_value
from broker.paths import DataPaths


@given(st.text())
def test_whatever_is_written_is_read_back(value: str) -> None:
    written = property_value(value)
    assert written.isascii()
    assert "\n" not in written
    assert property_text(written) == value


def test_a_file_of_secrets_is_read_back_and_swept(tmp_path: Path) -> None:
    paths, secrets = DataPaths(tmp_path), {"database.password": " ä=\\:\n#", "b": "x"}
    for owner in ("connector-a-1", "connector-a-2", "connector-b-1", "flow-a"):
        connect.write_credentials(paths, "main", owner, secrets)
    assert connect.read_credentials(paths, "main", "connector-a-1") == secrets
    connect.forget_credentials_but(paths, "main", "connector-a-", "${file:/x/connector-a-2.properties:b}")
    left = {file.stem for file in paths.cluster("main").connect.credentials.iterdir()}
    assert left == {"connector-a-2", "connector-b-1", "flow-a"}
    assert connect.read_credentials(paths, "main", "connector-a-1") == {}
