"""The settings' few paths agree with the map of the data directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.paths import DataPaths
from controlplane.core.paths import socket_path


@pytest.mark.parametrize("root", ["/srv/kastellan", "/srv/" + "long/" * 30])
def test_both_name_the_same_socket(root: str) -> None:
    assert socket_path(Path(root), "redis") == DataPaths(Path(root)).socket("redis")
