"""Rules over all template and static sources: CSP, htmx, checksums, sizes."""

from __future__ import annotations

import gzip
import hashlib
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import controlplane
from controlplane.core.pages import Page

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
STATIC = ROOT / "static"
SOURCES = {path: path.read_text(encoding="utf-8") for path in TEMPLATES}
#: A tag up to its `>`; template tags and quoted values may hold one.
TAG = re.compile(r"""<[a-zA-Z][^\s<>{]*(?:"[^"]*"|'[^']*'|\{%.*?%\}|\{\{.*?\}\}|[^<>"'])*>""", re.DOTALL)
ACTIVE = re.compile(r"\shx-(?:get|post|put|patch|delete|boost|headers)\b")
IDS = set(re.findall(r'id="([\w-]+)"', "".join(SOURCES.values())))


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tags(path: Path) -> Iterator[str]:
    return (match[0] for match in TAG.finditer(re.sub(r"\{#.*?#\}", "", SOURCES[path])))


def all_pages() -> list[type[Page]]:
    for module in pkgutil.walk_packages(controlplane.__path__, "controlplane."):
        if module.name.rpartition(".")[2] in ("pages", "views", "reference"):
            importlib.import_module(module.name)

    def below(kind: type[Page]) -> Iterator[type[Page]]:
        for sub in kind.__subclasses__():
            yield sub
            yield from below(sub)

    return sorted(
        (
            kind
            for kind in below(Page)
            if hasattr(kind, "template") and kind.__module__.startswith("controlplane.")
        ),
        key=lambda kind: kind.__qualname__,
    )


@pytest.mark.parametrize("path", TEMPLATES, ids=named)
def test_a_template_has_nothing_inline_that_the_csp_would_block(path: Path) -> None:
    for tag in tags(path):
        assert not re.search(r"\s(?:style|on[a-z]+|hx-on[\w:-]*)=", tag), tag
        assert "js:" not in tag, tag
        assert "javascript:" not in tag, tag
    assert "<style" not in SOURCES[path]
    assert not re.search(r"<script(?![^>]*\ssrc=)(?![^>]*type=\"application/json\")", SOURCES[path])


@pytest.mark.parametrize("path", TEMPLATES, ids=named)
def test_every_htmx_element_carries_the_nonce(path: Path) -> None:
    for tag in tags(path):
        if ACTIVE.search(tag):
            assert "{% nonce %}" in tag, f"write {{% nonce %}} before hx-…: {tag[:120]}"


@pytest.mark.parametrize("path", TEMPLATES, ids=named)
def test_the_target_of_an_htmx_element_exists_somewhere(path: Path) -> None:
    for target in re.findall(r'hx-target="#([\w-]+)"', SOURCES[path]):
        assert target in IDS, f"#{target}"


@pytest.mark.parametrize("path", TEMPLATES, ids=named)
def test_the_first_line_says_what_a_template_is_given(path: Path) -> None:
    if path.parent.name in ("elements", "layouts", "snippets", "mfa", "webauthn", "totp", "recovery_codes"):
        pytest.skip("an override of allauth's")
    assert SOURCES[path].startswith("{#")


@pytest.mark.parametrize("kind", all_pages(), ids=lambda kind: kind.__qualname__)
def test_a_partials_name_is_the_id_of_its_element(kind: type[Page]) -> None:
    source = SOURCES[ROOT / "templates" / kind.template]
    for partial in kind.partials:
        assert re.search(r"\{% partialdef " + re.escape(partial) + r"[ %]", source), partial
        assert partial in IDS


@pytest.mark.parametrize(
    "folder", sorted(path.parent for path in STATIC.glob("vendor/*/SHA256SUMS")), ids=named
)
def test_vendored_files_are_what_was_published(folder: Path) -> None:
    listed = {
        name: digest for digest, name in map(str.split, (folder / "SHA256SUMS").read_text().splitlines())
    }
    scripts = {path.name for path in folder.iterdir() if path.suffix in (".js", ".css")}
    assert scripts == set(listed)
    assert (folder / "VERSION").read_text().strip()
    assert (folder / "LICENSE").is_file()
    for name, digest in listed.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def packed(*paths: Path) -> int:
    return sum(len(gzip.compress(path.read_bytes(), 9)) for path in paths)


def test_css_and_script_stay_within_their_budgets() -> None:
    scripts = [*STATIC.glob("js/*.js"), *STATIC.glob("vendor/*/*.js")]
    assert packed(*scripts) <= 60_000
    assert packed(STATIC / "app.css") <= 30_000


def test_scripts_neither_evaluate_text_nor_write_markup() -> None:
    for path in STATIC.glob("js/*.js"):
        assert not re.search(
            r"\beval\(|new Function|innerHTML|outerHTML|insertAdjacentHTML|document\.write", path.read_text()
        )
