"""Settings from the environment: bad values are told, secrets may be files, generated ones are made once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from controlplane.core.env import envbool, envint, envlist, envsecret, generated_secret


@pytest.mark.parametrize(
    ("raw", "value"), [("1", True), ("yes", True), ("ON", True), ("0", False), ("no", False), ("", True)]
)
def test_yes_and_no(monkeypatch: pytest.MonkeyPatch, raw: str, value: bool) -> None:
    monkeypatch.setenv("X", raw)
    assert envbool("X", True) is value


@pytest.mark.parametrize("raw", ["perhaps", "2", "tru"])
def test_anything_else_is_neither(monkeypatch: pytest.MonkeyPatch, raw: str) -> None:
    monkeypatch.setenv("X", raw)
    with pytest.raises(ImproperlyConfigured, match="X="):
        envbool("X", True)


@pytest.mark.parametrize("raw", ["many", "1.5", "99999", "-1"])
def test_a_number_out_of_range_is_told(monkeypatch: pytest.MonkeyPatch, raw: str) -> None:
    monkeypatch.setenv("X", raw)
    with pytest.raises(ImproperlyConfigured, match="X="):
        envint("X", 1, low=0, high=100)


def test_lists_are_split_at_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", "a, b,,c ")
    assert envlist("X") == ["a", "b", "c"]


def test_a_secret_may_be_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "s").write_text("hush\n")
    monkeypatch.setenv("X_FILE", str(tmp_path / "s"))
    assert envsecret("X") == "hush"
    monkeypatch.setenv("X", "both")
    with pytest.raises(ImproperlyConfigured, match="both set"):
        envsecret("X")


def test_a_missing_secret_file_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("X_FILE", str(tmp_path / "none"))
    with pytest.raises(ImproperlyConfigured, match="cannot be read"):
        envsecret("X")


def test_processes_that_start_together_end_with_one_secret(tmp_path: Path) -> None:
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(generated_secret(tmp_path / "s" / "key")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    generated_secret(path)
    path.chmod(0o644)
    with pytest.raises(ImproperlyConfigured, match="chmod 600"):
        generated_secret(path)
