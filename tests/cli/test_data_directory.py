"""D1: the launcher neither takes nor deletes what is not its own."""

from __future__ import annotations

from pathlib import Path

from broker.paths import DataPaths
from tests.cli.launcher import run


def test_up_and_reset_refuse_a_directory_with_somebody_elses_files(tmp_path: Path) -> None:
    (tmp_path / "thesis").write_text("years of work")
    up = run(tmp_path, "up", "--detach")
    assert up.returncode == 1
    assert "holds files that are not Kastellan's: thesis" in up.stderr
    reset = run(tmp_path, "reset", "--yes")
    assert reset.returncode == 1
    assert "is not a Kastellan data directory" in reset.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis"]


def test_reset_leaves_a_file_that_somebody_put_into_ours(tmp_path: Path) -> None:
    root = tmp_path / "data"
    DataPaths(root).prepare()
    (root / "thesis").write_text("years of work")
    reset = run(root, "reset", "--yes")
    assert reset.returncode == 0, reset.stderr
    assert "because Kastellan did not make it: thesis" in reset.stderr
    assert [entry.name for entry in root.iterdir()] == ["thesis"]
