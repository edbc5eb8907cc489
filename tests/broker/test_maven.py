"""Names of artifacts are somebody else's: none becomes a path that leads out, typed or named by a dependency."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker import maven
from broker.maven import MIRROR, is_name
from broker.plugin_sources import stage_coordinates
from broker.plugins import PluginError, Staged
from tests.broker.test_artifacts import Mirror


@pytest.mark.parametrize("part", ["org.demo", "kafka_2.13", "4.4.0", "3.3.1.Final", "1.0+build-7"])
def test_what_is_a_name(part: str) -> None:
    assert is_name(part)


@pytest.mark.parametrize("part", ["", ".", "..", "../x", "a/b", "a..b", "%2e%2e", "a b", "a\n", "-x", "a:b"])
def test_what_is_none(part: str) -> None:
    assert not is_name(part)


POM = """<project><modelVersion>4.0.0</modelVersion><groupId>com.good</groupId><artifactId>conn</artifactId>
<version>1.0</version><dependencies>{}</dependencies></project>"""
NEEDS = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>1.0</version></dependency>"


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    server = Mirror()
    monkeypatch.setenv(MIRROR, f"http://127.0.0.1:{server.server.server_port}")
    yield server
    server.server.shutdown()
    server.server.server_close()


def offer(repository: Mirror, group: str, name: str, pom: str) -> None:
    jar = io.BytesIO()
    zipfile.ZipFile(jar, "w").close()
    place = f"/{group.replace('.', '/')}/{name}/1.0/{name}-1.0"
    repository.files |= {f"{place}.pom": pom.encode(), f"{place}.jar": jar.getvalue()}


def test_a_jar_comes_with_what_it_needs_but_not_with_what_the_worker_has(
    repository: Mirror, tmp_path: Path
) -> None:
    own = NEEDS.format("com.other", "lib") + NEEDS.format("org.apache.kafka", "connect-api")
    offer(repository, "com.good", "conn", POM.format(own))
    for group, name in (("com.other", "lib"), ("org.apache.kafka", "connect-api")):
        offer(
            repository, group, name, POM.format("").replace("com.good", group).replace(">conn<", f">{name}<")
        )
    seen = [0]
    found = stage_coordinates(
        Staged(tmp_path / "one"), "com.good:conn:1.0", "", lambda size: seen.append(size)
    )
    assert [file.path for file in found.files] == ["conn-1.0.jar", "lib-1.0.jar"]
    assert [file.origin for file in found.files] == ["com.good:conn:1.0", "com.other:lib:1.0"]
    assert found.left_out == ("org.apache.kafka:connect-api:1.0",)
    assert sum(seen) > 0


@pytest.mark.parametrize("name", ["../../../../plugins/evil/lib", "..%2f..%2fevil", "a/../../b"])
def test_a_dependency_that_is_named_to_lead_out_is_refused(
    name: str, repository: Mirror, tmp_path: Path
) -> None:
    offer(repository, "com.good", "conn", POM.format(NEEDS.format("com.evil", name)))
    repository.everything = b"anything"
    with pytest.raises(PluginError, match="was not found"):
        stage_coordinates(Staged(tmp_path / "data/one"), "com.good:conn:1.0", "", lambda _size: None)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_client_itself_refuses_such_names(repository: Mirror, tmp_path: Path) -> None:
    context = maven.maven(tmp_path, lambda _size: None)
    with pytest.raises(RuntimeError, match="a name that is none"):
        context.project("com.evil", "../../x").at_version("1.0").artifact().resolve()
    assert repository.requests == []
