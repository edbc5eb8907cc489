"""Whose a data directory is: what `up` may take, and what `reset` may delete."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from broker import claim
from broker.claim import MARK, ForeignDirectory
from broker.paths import DataPaths


def names(root: Path) -> set[str]:
    return {entry.name for entry in root.iterdir()}


def test_a_new_and_an_empty_directory_are_taken_marked_and_closed_to_others(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir(mode=0o755)
    for root in (tmp_path / "new", empty):
        DataPaths(root).prepare()
        assert stat.S_IMODE(root.stat().st_mode) == 0o700
        assert stat.S_IMODE((root / MARK).stat().st_mode) == 0o600
        DataPaths(root).prepare()


@pytest.mark.parametrize("own", ["thesis", "logs/mine.log", "secrets/letter"])
def test_a_directory_with_files_of_somebody_else_is_refused_and_stays_as_it_was(
    tmp_path: Path, own: str
) -> None:
    (tmp_path / own).parent.mkdir(exist_ok=True)
    (tmp_path / own).write_text("x")
    tmp_path.chmod(0o755)
    before = names(tmp_path)
    with pytest.raises(ForeignDirectory, match=Path(own).parts[0]) as refused:
        DataPaths(tmp_path).prepare()
    assert "Nothing was changed" in refused.value.hint
    assert names(tmp_path) == before
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    assert not claim.is_ours(tmp_path)


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(ForeignDirectory, match="is a file"):
        DataPaths(tmp_path / "data").prepare()


def test_the_directory_of_an_older_version_is_known_by_what_only_we_write(tmp_path: Path) -> None:
    record = tmp_path / "clusters" / "main" / "cluster.json"
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    assert claim.is_ours(tmp_path)
    DataPaths(tmp_path).prepare()
    assert (tmp_path / MARK).is_file()


def test_deleting_takes_what_is_ours_and_leaves_the_rest(tmp_path: Path) -> None:
    root = tmp_path / "data"
    paths = DataPaths(root).prepare()
    paths.secret("x").write_text("x")
    (root / "thesis").write_text("years of work")
    assert claim.delete(root) == ("thesis",)
    assert names(root) == {"thesis"}
    assert not claim.is_ours(root)


def test_deleting_all_takes_the_directory_too_and_follows_no_link(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("x")
    root = tmp_path / "data"
    DataPaths(root).prepare()
    (root / "artifacts").symlink_to(elsewhere)
    assert claim.delete(root) == ()
    assert not root.exists()
    assert (elsewhere / "kept").is_file()


def test_a_deletion_that_was_interrupted_can_be_repeated(tmp_path: Path) -> None:
    root = tmp_path / "data"
    DataPaths(root).prepare()
    for name in claim.OWN & names(root):
        (root / name).rmdir()
    assert claim.is_ours(root)
    assert claim.delete(root) == ()
