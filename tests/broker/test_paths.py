"""The data directory: private files, atomic writes, sockets whose paths fit."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from broker.paths import SOCKET_PATH_LIMIT, DataPaths, private_directory, write_if_changed, write_private


def test_files_and_directories_are_for_their_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        file = write_private(tmp_path / "a" / "b" / "file", "secret")
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {stat.S_IMODE(path.stat().st_mode) for path in (file.parent, file.parent.parent)} == {0o700}


def test_a_write_replaces_the_whole_file_and_leaves_no_temporary_one(tmp_path: Path) -> None:
    file = write_private(tmp_path / "file", "long content")
    write_private(file, b"short")
    assert file.read_bytes() == b"short"
    assert list(tmp_path.iterdir()) == [file]


def test_an_equal_file_is_left_alone(tmp_path: Path) -> None:
    assert write_if_changed(tmp_path / "file", "x")
    before = (tmp_path / "file").stat().st_mtime_ns
    assert not write_if_changed(tmp_path / "file", "x")
    assert (tmp_path / "file").stat().st_mtime_ns == before
    assert write_if_changed(tmp_path / "file", "y")


def test_a_socket_lies_in_the_data_directory_while_its_path_fits(tmp_path: Path) -> None:
    assert DataPaths(Path("/d")).socket("control") == Path("/d/run/control.sock")
    deep = DataPaths(tmp_path / ("d" * 120))
    assert len(os.fsencode(deep.control_socket)) <= SOCKET_PATH_LIMIT
    assert deep.control_socket != DataPaths(tmp_path / ("e" * 120)).control_socket


def test_a_socket_directory_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    paths = DataPaths(tmp_path / "data").prepare()
    assert paths.socket_directory("control") == paths.run
    paths.run.chmod(0o755)
    with pytest.raises(PermissionError):
        paths.socket_directory("control")


def test_files_of_the_first_cluster_carry_no_cluster_name(tmp_path: Path) -> None:
    paths = DataPaths(tmp_path)
    assert paths.cluster("main").clients == tmp_path / "clients"
    assert paths.cluster("dr").clients == tmp_path / "clients" / "dr"


def test_a_private_directory_may_exist_already(tmp_path: Path) -> None:
    assert private_directory(tmp_path) == tmp_path
