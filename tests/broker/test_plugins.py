"""Plugins of a worker: archives that are somebody else's, coordinates, what is locked and that it holds."""

from __future__ import annotations

import io
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from broker import plugin_sources, plugins
from broker.artifacts import ArtifactsError
from broker.paths import DataPaths
from broker.plugin_sources import Coordinates
from broker.plugin_spec import Plugin
from broker.plugins import PluginError, Staged

SINK = "META-INF/services/org.apache.kafka.connect.sink.SinkConnector"


def jar(**entries: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in entries.items():
            archive.writestr(SINK if name == "sink" else name, text)
    return made.getvalue()


def zipped(path: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tarred(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def named(archive: Path) -> str:
    return "demo.zip" if zipfile.is_zipfile(archive) else "demo.tar.gz"


@pytest.fixture
def place(tmp_path: Path) -> Staged:
    return Staged.at(DataPaths(tmp_path / "data"), "main", "one")


def staged(paths: DataPaths, tmp_path: Path, at: str, files: Mapping[str, bytes]) -> Plugin:
    archive = zipped(tmp_path / f"{at}.zip", files)
    return plugin_sources.stage_upload(Staged.at(paths, "main", at), archive, "demo.zip", "")


def installed(paths: DataPaths, at: str) -> Plugin:
    """As it was seen."""
    seen = Staged.at(paths, "main", at).plugin()
    assert seen is not None
    return plugins.install(paths, "main", at, seen.fingerprint)


# --- What comes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("g:a:1.0", ("g", "a", "1.0", "jar", "")),
        (
            " io.debezium:x:tar.gz:plugin:3.3.1.Final ",
            ("io.debezium", "x", "3.3.1.Final", "tar.gz", "plugin"),
        ),
        ("g:a:zip:2", ("g", "a", "2", "zip", "")),
        ("g:a:jar:all:2", ("g", "a", "2", "jar", "all")),
    ],
)
def test_coordinates(text: str, parts: tuple[str, ...]) -> None:
    found = Coordinates.parse(text)
    assert (found.group, found.artifact, found.version, found.packaging, found.classifier) == parts
    assert Coordinates.parse(str(found)) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "g:a",
        "g:a:1:2:3:4",
        "g:a:exe:1",
        "g:../a:1",
        "g:a b:1",
        "g::1",
        "http://host/x",
        "g:a:1\n:2",
        "g:-a:1",
    ],
)
def test_what_are_no_coordinates_is_said_with_how_they_are_written(text: str) -> None:
    with pytest.raises(PluginError) as refused:
        Coordinates.parse(text)
    assert "group:artifact:version" in refused.value.hint


def test_an_archive_is_unpacked_without_the_directory_around_it_and_described(
    tmp_path: Path, place: Staged
) -> None:
    files = {"demo-1/lib/a.jar": jar(sink="org.demo.Sink # the only one\n\n"), "demo-1/LICENSE": b"free"}
    archive = zipped(tmp_path / "x", files)
    found = plugin_sources.stage_upload(place, archive, "some/Demo.ZIP", "")
    assert [file.path for file in found.files] == ["LICENSE", "lib/a.jar"]
    assert (found.name, found.origin, found.uploaded) == ("demo-1", "Demo.ZIP", True)
    assert found.connectors == ("org.demo.Sink",)
    assert found.archive is not None
    assert found.archive.size == archive.stat().st_size
    assert place.plugin() == found


def test_one_jar_is_a_plugin_too(tmp_path: Path, place: Staged) -> None:
    (tmp_path / "x").write_bytes(jar(sink="org.demo.Sink"))
    found = plugin_sources.stage_upload(place, tmp_path / "x", "demo-sink.jar", "")
    assert (found.name, [file.path for file in found.files]) == ("demo-sink", ["demo-sink.jar"])


def link(name: str, target: str, kind: bytes) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


GOOD = (tarfile.TarInfo("a/a.jar"), jar())


def a_zip_with_a_link(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("a/link")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    return path


@pytest.mark.parametrize(
    "make",
    [
        lambda p: zipped(p, {"../out.jar": b""}),
        lambda p: zipped(p, {"a/../../out.jar": b""}),
        lambda p: zipped(p, {"/etc/out.jar": b""}),
        lambda p: zipped(p, {"a\\..\\out.jar": b""}),
        a_zip_with_a_link,
        lambda p: tarred(p, GOOD, link("a/passwd", "/etc/passwd", tarfile.SYMTYPE)),
        lambda p: tarred(p, GOOD, link("a/hard", "a/a.jar", tarfile.LNKTYPE)),
        lambda p: tarred(p, GOOD, link("a/null", "", tarfile.CHRTYPE)),
        lambda p: tarred(p, GOOD, (tarfile.TarInfo("../../out"), b"x")),
    ],
)
def test_what_leads_out_of_an_archive_is_refused_whole(
    make: Callable[[Path], Path], tmp_path: Path, place: Staged
) -> None:
    archive = make(tmp_path / "x")
    with pytest.raises(PluginError, match="leads out of it"):
        plugin_sources.stage_upload(place, archive, named(archive), "")
    assert place.plugin() is None
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [archive]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda p: zipped(p, {"readme.txt": b"no jar"}), "no jar"),
        (lambda p: zipped(p, {"a.jar": b"not a zip"}), "a.jar is no jar"),
        (lambda p: p.write_bytes(b"neither zip nor tar"), "cannot be read"),
        (lambda p: p.write_bytes(zipped(p, {"a.jar": jar() * 50}).read_bytes()[:90]), "cannot be read"),
        (
            lambda p: tarred(p, (tarfile.TarInfo("a/a.jar"), jar()), (tarfile.TarInfo("a/a.jar"), jar())),
            "two files",
        ),
        (
            lambda p: tarred(p, (tarfile.TarInfo("a"), jar()), (tarfile.TarInfo("a/a.jar"), jar())),
            "two files",
        ),
    ],
)
def test_what_is_no_plugin_is_said(
    make: Callable[[Path], object], said: str, tmp_path: Path, place: Staged
) -> None:
    make(tmp_path / "x")
    with pytest.raises(PluginError, match=said):
        plugin_sources.stage_upload(place, tmp_path / "x", named(tmp_path / "x"), "")
    assert place.plugin() is None


@pytest.mark.parametrize("name", ["..", ".hidden", "a/b", "x" * 101, "a b"])
def test_a_name_becomes_a_directory_so_it_is_looked_at(name: str, tmp_path: Path, place: Staged) -> None:
    with pytest.raises(PluginError, match="directory's name"):
        plugin_sources.stage_upload(place, zipped(tmp_path / "x", {"a.jar": jar()}), "demo.zip", name)


def test_a_bomb_is_given_up_by_what_comes_out_of_it(
    tmp_path: Path, place: Staged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin_sources, "MOST_BYTES", 1 << 20)
    for name, archive in (
        ("demo.zip", zipped(tmp_path / "z", {"a/a.jar": bytes(2 << 20)})),
        ("demo.tar.gz", tarred(tmp_path / "t", (tarfile.TarInfo("a/a.jar"), bytes(2 << 20)))),
    ):
        assert archive.stat().st_size < 10_000
        with pytest.raises(PluginError, match="more than"):
            plugin_sources.stage_upload(place, archive, name, "")
    monkeypatch.setattr(plugin_sources, "MOST_FILES", 3)
    many = zipped(tmp_path / "m", {f"a/{number}.jar": jar() for number in range(4)})
    with pytest.raises(PluginError, match="more than"):
        plugin_sources.stage_upload(place, many, "demo.zip", "")


def test_lists_and_headers_that_fill_the_memory_are_not_read(tmp_path: Path, place: Staged) -> None:
    """A header of a tar's own, as large as it says; a zip's list of ever so many empty files."""
    info = tarfile.TarInfo("a/a.jar")
    info.pax_headers = {"comment": "x" * (100 << 20)}
    with tarfile.open(tmp_path / "t", "w:gz", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info, io.BytesIO())
    listed = zipped(tmp_path / "z", {f"{'a' * 200}/{number}.jar": b"" for number in range(40_000)})
    for name, path in (("demo.tar.gz", tmp_path / "t"), ("demo.zip", listed)):
        tracemalloc.start()
        with pytest.raises(PluginError, match="more than"):
            plugin_sources.stage_upload(place, path, name, "")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < 4 * plugin_sources.MOST_AT_ONCE, name


# --- What is locked --------------------------------------------------------------------------------------------------


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    return DataPaths(tmp_path / "data")


def test_what_was_reviewed_is_locked_and_any_change_is_seen(paths: DataPaths, tmp_path: Path) -> None:
    made = staged(paths, tmp_path, "one", {"demo/a.jar": jar(sink="org.demo.Sink"), "demo/LICENSE": b"x"})
    assert installed(paths, "one") == made
    assert plugins.installed(paths, "main") == (made,)
    installed(paths, "one")  # as a job that was taken over does
    plugins.verify(paths, "main")
    directory = paths.cluster("main").connect.plugins
    assert plugins.unlocked(paths, "main") == ()
    (directory / "stranger").mkdir()
    assert plugins.unlocked(paths, "main") == ("stranger",)
    plugins.verify(paths, "main")

    (directory / "demo/b.jar").write_bytes(jar())
    with pytest.raises(ArtifactsError, match=r"b\.jar was added"):
        plugins.verify(paths, "main")
    (directory / "demo/b.jar").unlink()
    (directory / "demo/a.jar").write_bytes(jar(sink="org.demo.Evil"))
    with pytest.raises(ArtifactsError, match=r"a\.jar differs"):
        plugins.verify(paths, "main")
    (directory / "demo/a.jar").unlink()
    with pytest.raises(ArtifactsError, match=r"a\.jar is missing"):
        plugins.verify(paths, "main")
    plugins.remove(paths, "main", "demo")
    assert plugins.installed(paths, "main") == ()
    plugins.verify(paths, "main")


def test_what_changed_between_review_and_installation_is_not_installed(
    paths: DataPaths, tmp_path: Path
) -> None:
    staged(paths, tmp_path, "one", {"demo/a.jar": jar()})
    (Staged.at(paths, "main", "one").files / "a.jar").write_bytes(jar(sink="org.demo.Evil"))
    with pytest.raises(PluginError, match="not what was reviewed"):
        installed(paths, "one")
    assert plugins.installed(paths, "main") == ()


def test_another_one_in_the_same_place_is_not_what_was_reviewed(paths: DataPaths, tmp_path: Path) -> None:
    seen = staged(paths, tmp_path, "one", {"demo/a.jar": jar()})
    staged(paths, tmp_path, "one", {"demo/a.jar": jar(sink="org.demo.Evil")})
    with pytest.raises(PluginError, match="not what was reviewed"):
        plugins.install(paths, "main", "one", seen.fingerprint)


def test_without_the_way_back_nothing_is_said_to_be_back(paths: DataPaths, tmp_path: Path) -> None:
    staged(paths, tmp_path, "one", {"demo/a.jar": jar()})
    installed(paths, "one")
    Staged.at(paths, "main", "one").discard()
    with pytest.raises(PluginError, match="not there any more"):
        plugins.put_back(paths, "main", "one")


def test_code_is_code_however_its_name_is_written(tmp_path: Path, place: Staged) -> None:
    files = {
        "a.jar": jar(),
        "LICENSE.JAR": jar(sink="org.demo.Hidden"),
        "more.zip": jar(sink="org.demo.Zipped"),
    }
    found = plugin_sources.stage_upload(place, zipped(tmp_path / "x", files), "demo.zip", "")
    assert [each.name for each in found.classes] == ["org.demo.Hidden", "org.demo.Zipped"]
    assert len(found.jars) == 2


def test_a_list_of_classes_without_an_end_is_not_read_to_it(tmp_path: Path, place: Staged) -> None:
    endless = jar(sink="org.demo.Sink\n" + "x y\n" + "\0" * (1 << 22))
    found = plugin_sources.stage_upload(place, zipped(tmp_path / "x", {"a.jar": endless}), "demo.zip", "")
    assert [each.name for each in found.classes] == ["org.demo.Sink"]


@pytest.mark.parametrize(
    "name", ["/".join("a" * 30) + "/a.jar", "x" * 401 + ".jar", "a\u202egnp.jar", "a\x1b[2J.jar"]
)
def test_names_that_nobody_gives_are_refused(name: str, tmp_path: Path, place: Staged) -> None:
    with pytest.raises(PluginError, match="too deep"):
        plugin_sources.stage_upload(
            place, zipped(tmp_path / "x", {name: jar(), "b.jar": jar()}), "demo.zip", ""
        )


def test_a_tar_is_no_zip_by_the_last_jar_in_it(tmp_path: Path, place: Staged) -> None:
    with tarfile.open(tmp_path / "x", "w") as archive:
        for name, data in (("a/LICENSE", b"x"), ("a/a.jar", jar(sink="org.demo.Sink"))):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    found = plugin_sources.stage_upload(place, tmp_path / "x", "demo.tar", "")
    assert [file.path for file in found.files] == ["LICENSE", "a.jar"]


def test_the_older_one_comes_back_and_the_newer_waits_again(paths: DataPaths, tmp_path: Path) -> None:
    old = staged(paths, tmp_path, "one", {"demo/a-1.jar": jar(sink="org.demo.Sink")})
    installed(paths, "one")
    Staged.at(paths, "main", "one").discard()
    new = staged(paths, tmp_path, "two", {"demo/a-2.jar": jar(sink="org.demo.Sink")})
    for _ in range(2):
        installed(paths, "two")
        assert plugins.installed(paths, "main") == (new,)
        plugins.put_back(paths, "main", "two")
        plugins.put_back(paths, "main", "two")
        assert plugins.installed(paths, "main") == (old,)
        plugins.verify(paths, "main")
        assert plugins.staged(paths, "main") == {"two": new}
    other = staged(paths, tmp_path, "three", {"other/b.jar": jar()})
    installed(paths, "three")
    plugins.put_back(paths, "main", "three")
    assert other not in plugins.installed(paths, "main")
    assert not (paths.cluster("main").connect.plugins / "other").exists()
