"""Secrets in files that Java reads as properties."""

from __future__ import annotations

import time
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
    now = time.time()
    assert connect.owners_of_credentials(paths, "main", "connector-a-", now - 60) == set()
    assert connect.owners_of_credentials(paths, "main", "connector-a-", now + 60) == {
        "connector-a-1",
        "connector-a-2",
    }
    by_hand = connect.credentials_file(paths, "main", "by-hand").parent / "sub" / "by-hand.properties"
    by_hand.parent.mkdir()
    by_hand.write_text("# of SAP\n pw = hunter2\nuser:kim\nhost db\n")
    assert connect.read_filed(paths, "main", by_hand) == {"pw": "hunter2", "user": "kim", "host": "db"}
    assert connect.read_filed(paths, "main", by_hand.parent / ".." / "connector-a-1.properties") == secrets
    assert connect.read_filed(paths, "main", paths.root / "secrets" / "canary") == {}
    connect.forget_credentials(paths, "main", "connector-a-1")
    assert connect.read_credentials(paths, "main", "connector-a-1") == {}
