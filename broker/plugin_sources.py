"""Where connector plugins come from: Maven coordinates, or an archive that somebody uploads. Both end in a staged directory.

An archive is somebody else's: names, links and sizes in it are looked at before anything is written.
"""

from __future__ import annotations

import gzip
import io
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Self

from broker.artifacts import OFFLINE_HINT, file_sha256, trust_the_system
from broker.maven import is_name, maven
from broker.paths import private_directory
from broker.plugin_spec import Plugin, PluginFile
from broker.plugins import PluginError, Staged

MOST_BYTES = 1 << 30
MOST_FILES = 5000
ARCHIVES = ("zip", "tar.gz", "tgz", "tar")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
#: Families that the worker's own class path has: what a plugin brings of them is not looked at by its class loader.
PROVIDED = ("org.apache.kafka", "org.slf4j")
#: What connectors come in is flat; deep trees are made to fill a disk with directories.
DEEPEST, LONGEST_NAME = 20, 400
#: Bytes of an archive's list, or of one header: room for twice the files that it may hold.
MOST_AT_ONCE = 8 << 20
_COORDINATES_HINT = "group:artifact:version for a jar with what it needs, or group:artifact:packaging:classifier:version for an archive."

#: RuntimeError: of an encrypted one.
_UNREADABLE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    ValueError,
)

Count = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Coordinates:
    group: str
    artifact: str
    version: str
    packaging: str = "jar"
    classifier: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """`g:a:v`, `g:a:packaging:v` or `g:a:packaging:classifier:v`. Raises `PluginError`."""
        parts = text.strip().split(":")
        if not 3 <= len(parts) <= 5 or not all(map(is_name, parts)):
            raise PluginError(
                f"{text.strip()[:200]!r} are no Maven coordinates", f"Write {_COORDINATES_HINT}"
            )
        group, artifact, *kind, version = parts
        packaging, classifier = (*kind, "jar", "")[:2] if len(kind) != 1 else (kind[0], "")
        if packaging != "jar" and packaging not in ARCHIVES:
            raise PluginError(
                f"{packaging} is no kind of file that a plugin comes in",
                f"One of jar, {', '.join(ARCHIVES)}. Write {_COORDINATES_HINT}",
            )
        return cls(group, artifact, version, packaging, classifier)

    def __str__(self) -> str:
        if self.packaging == "jar" and not self.classifier:
            return f"{self.group}:{self.artifact}:{self.version}"
        kind = (self.packaging, self.classifier) if self.classifier else (self.packaging,)
        return ":".join((self.group, self.artifact, *kind, self.version))


def stage_coordinates(place: Staged, text: str, name: str, count: Count) -> Plugin:
    """Downloads what the coordinates name; `RELEASE` as version becomes the newest. Raises `PluginError`."""
    wanted, files = Coordinates.parse(text), place.make()
    trust_the_system()
    with tempfile.TemporaryDirectory(dir=place.root) as scratch, _in_words(wanted):
        bring = _Bring(Path(scratch), _bounded(count))
        if wanted.packaging == "jar" and not wanted.classifier:
            return place.describe(bring.jars(wanted, files, name or wanted.artifact))
        found, path = bring.file(wanted)
        archive = PluginFile(path.name, path.stat().st_size, file_sha256(path), str(found))
        alone = wanted.packaging == "jar"
        top = _alone(path, files) if alone else unpack(path, files, wanted.packaging)
        return place.describe(
            Plugin(checked_name(name or top or wanted.artifact), str(found), False, (), (), archive)
        )


def stage_upload(place: Staged, upload: Path, filename: str, name: str) -> Plugin:
    """Of a file that lies on this machine: an archive, or one jar."""
    files, kind = place.make(), _kind_of(filename)
    archive = PluginFile(PurePosixPath(filename).name, upload.stat().st_size, file_sha256(upload))
    top = _alone(upload, files, archive.path) if kind == "jar" else unpack(upload, files, kind)
    stem = archive.path[: -len(kind) - 1]
    return place.describe(Plugin(checked_name(name or top or stem), archive.path, True, (), (), archive))


def checked_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise PluginError(
            f"{name[:100]!r} can be no directory's name", "Letters, digits, dots, dashes and underscores."
        )
    return name


def _kind_of(filename: str) -> str:
    kind = next((each for each in ("jar", *ARCHIVES) if filename.lower().endswith(f".{each}")), None)
    if kind is None:
        raise PluginError(
            f"{filename[:200]!r} is no plugin by its name", f"Upload one of .jar, .{', .'.join(ARCHIVES)}."
        )
    return kind


def _alone(jar: Path, into: Path, name: str = "") -> str:
    shutil.copyfile(jar, into / (name or jar.name))
    return ""


@dataclass(frozen=True, slots=True)
class _Bring:
    scratch: Path
    count: Count

    def file(self, wanted: Coordinates) -> tuple[Coordinates, Path]:
        """It, with the version that it turned out to be."""
        project = maven(self.scratch, self.count).project(wanted.group, wanted.artifact)
        component = project.at_version(wanted.version)
        path = component.artifact(classifier=wanted.classifier, packaging=wanted.packaging).resolve()
        version = str(component.resolved_version)
        return Coordinates(wanted.group, wanted.artifact, version, wanted.packaging, wanted.classifier), Path(
            path
        )

    def jars(self, wanted: Coordinates, into: Path, name: str) -> Plugin:
        """The jar and, as a build would, what it needs at run time; without what the worker has."""
        context = maven(self.scratch, self.count)
        _, transitive = context.resolver.resolve([context.create_dependency(str(wanted))])
        needed = [
            Coordinates(item.groupId, item.artifactId, item.version)
            for item in transitive
            if item.scope in (None, "compile", "runtime") and not item.optional
        ]
        if not all(
            map(is_name, (part for item in needed for part in (item.group, item.artifact, item.version)))
        ):
            raise RuntimeError("a dependency of a name that is none")
        left = [str(item) for item in needed if item.group in PROVIDED]
        taken: list[PluginFile] = []
        for item in (wanted, *(each for each in needed if each.group not in PROVIDED)):
            found, path = self.file(item)
            shutil.copyfile(path, into / path.name)
            taken.append(PluginFile(path.name, path.stat().st_size, "", str(found)))
        return Plugin(checked_name(name), taken[0].origin, False, tuple(taken), (), None, tuple(left))


def _bounded(count: Count) -> Count:
    seen = 0

    def add(size: int) -> None:
        nonlocal seen
        seen += size
        if seen > MOST_BYTES:
            raise _too_large()
        count(size)

    return add


def _too_large() -> PluginError:
    return PluginError(
        f"It is more than {MOST_BYTES >> 30} GiB or {MOST_FILES} files", "That is no connector plugin."
    )


@contextmanager
def _in_words(wanted: Coordinates) -> Generator[None]:
    """The client tells what it did not find by RuntimeError, and of the network by OSError."""
    try:
        yield
    except (RuntimeError, AssertionError, ValueError) as error:
        raise PluginError(
            f"{wanted} was not found, or something that it needs was not",
            "Look at spelling and version; many connectors are published as an archive, so with packaging and "
            "classifier (…:tar.gz:plugin:…). Or upload the file.",
        ) from error
    except OSError as error:
        raise PluginError(
            f"{wanted} could not be downloaded: {type(error).__name__}", f"Or upload the file. {OFFLINE_HINT}"
        ) from error


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    plain: bool
    directory: bool
    open: Callable[[], IO[bytes] | None]


def unpack(archive: Path, into: Path, kind: str) -> str:
    """Its regular files, without the one directory that all of them are in; returns that directory's name, or nothing."""
    try:
        with _members(archive, kind) as members:
            top = _common_top(names := [_safe(member) for member in members if not member.directory])
            if len(names) > MOST_FILES:
                raise _too_large()
            left = MOST_BYTES
            for member in members:
                if not member.directory:
                    target = into.joinpath(*_safe(member).parts[1 if top else 0 :])
                    left -= _write(member, target, left)
    except (FileExistsError, NotADirectoryError) as error:
        raise PluginError("The archive holds two files of one name", "Do not trust that archive.") from error
    except _UNREADABLE as error:
        raise PluginError(
            f"The archive cannot be read: {error}", "Bring it again: it may be cut off."
        ) from error
    return top


class _Sipped(io.BufferedReader):
    """Both formats are read piece by piece; only their lists and headers are read whole, however large they say that they are."""

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = MOST_AT_ONCE + 1 if size is None or size < 0 else size
        if wanted > MOST_AT_ONCE + 1 or len(found := super().read(wanted)) > MOST_AT_ONCE:
            raise _too_large()
        return found


@contextmanager
def _members(archive: Path, kind: str) -> Generator[list[_Member]]:
    """By the kind that it is said to be: a tar may look like a zip, by the last jar in it."""
    raw = io.FileIO(archive) if kind in ("zip", "tar") else gzip.GzipFile(archive)
    with raw, _Sipped(raw) as file:
        if kind == "zip":
            with zipfile.ZipFile(file) as opened:
                if len(opened.infolist()) > 2 * MOST_FILES:
                    raise _too_large()
                yield [_of_zip(opened, info) for info in opened.infolist()]
            return
        with tarfile.open(fileobj=file, mode="r:") as opened_tar:
            yield [_of_tar(opened_tar, info) for info in _at_most(opened_tar)]


def _at_most(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Looked at while the list is read: to skip what a bomb holds would already take for ever."""
    size = 0
    for number, info in enumerate(archive):
        size += info.size
        if number > 2 * MOST_FILES or size > MOST_BYTES:
            raise _too_large()
        yield info


def _of_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Member:
    kind = (info.external_attr >> 16) & 0o170000
    return _Member(info.filename, kind in (0, 0o100000), info.is_dir(), lambda: archive.open(info))


def _of_tar(archive: tarfile.TarFile, info: tarfile.TarInfo) -> _Member:
    return _Member(info.name, info.isreg(), info.isdir(), lambda: archive.extractfile(info))


def _safe(member: _Member) -> PurePosixPath:
    path = PurePosixPath(member.name.removeprefix("./"))
    bad = not member.plain or not path.parts or path.is_absolute() or ".." in path.parts
    if not bad and (
        len(path.parts) > DEEPEST or len(member.name) > LONGEST_NAME or not member.name.isprintable()
    ):
        raise PluginError(
            "The archive holds names that are too long, too deep or not to be read",
            "That is no connector plugin.",
        )
    if bad or "\\" in member.name or "\0" in member.name:
        raise PluginError(
            f"The archive holds {member.name[:200]!r}, which is a link or leads out of it",
            "Nothing was unpacked. Do not trust that archive.",
        )
    return path


def _common_top(names: Iterable[PurePosixPath]) -> str:
    tops = {path.parts[0] if len(path.parts) > 1 else "" for path in names}
    return tops.pop() if len(tops) == 1 else ""


def _write(member: _Member, target: Path, left: int) -> int:
    private_directory(target.parent)
    source, written = member.open(), 0
    if source is None:
        return 0
    with source, target.open("xb") as file:
        while chunk := source.read(1 << 20):
            written += len(chunk)
            # By what comes out: the sizes that an archive tells are its own claim.
            if written > left:
                raise _too_large()
            file.write(chunk)
    return written
