"""The shape of the code (DESIGN 3 and 4, STYLE 5): which files a domain has, how long they are, what logic may not ask."""

from __future__ import annotations

import ast
import statistics
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = sorted(
    path
    for package in ("controlplane", "broker")
    for path in (ROOT / package).rglob("*.py")
    if "migrations" not in path.parts
)
DOMAINS = (
    "acls", "certificates", "groups", "quotas", "records", "service_accounts", "topics", "users",
)  # fmt: skip
#: What every domain has, as `topics` does.
EVERY_DOMAIN = ("api", "apps", "logic", "pages", "selectors", "urls", "views")
#: What a domain may have besides. Large ones split a kind by noun: `rotation_views`, `inventory_api`.
KINDS = (*EVERY_DOMAIN, "forms", "models", "serializers", "services", "tasks")
FOLDERS = {"logic", "migrations", "services", "templatetags"}
MAX_FILE = 400
MAX_FUNCTION = 40
#: Only the files of the known kinds meet a request.
OF_THE_WEB = ("django.http", "django.shortcuts", "django.forms", "django.urls", "rest_framework")
CLOCKS = {
    ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("timezone", "now"),
    ("time", "time"), ("time", "time_ns"), ("time", "monotonic"), ("time", "perf_counter"), ("random", "random"),
    ("uuid", "uuid4"), ("secrets", "token_hex"),
}  # fmt: skip


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def contracts() -> dict[str, dict[str, list[str]]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {each["name"]: each for each in settings["tool"]["importlinter"]["contracts"]}


def packages() -> set[str]:
    return {path.parent.name for path in (ROOT / "controlplane").glob("*/__init__.py")}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def functions() -> Iterator[tuple[str, int]]:
    """(name, lines of its body with the docstring) of every function of the product."""
    for path in PRODUCT:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = (node.end_lineno or node.lineno) - node.body[0].lineno + 1
                yield f"{named(path)}:{node.lineno} {node.name}", lines


def is_of_a_known_kind(stem: str) -> bool:
    return stem in KINDS or any(stem.endswith(f"_{kind}") for kind in KINDS)


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domain_has_the_files_of_the_reference_domain(domain: str) -> None:
    folder = ROOT / "controlplane" / domain
    present = {path.stem for path in folder.glob("*.py")} | {
        path.name for path in folder.iterdir() if path.is_dir()
    }
    assert set(EVERY_DOMAIN) <= present
    assert {path.name for path in folder.iterdir() if path.is_dir()} - {"__pycache__"} <= FOLDERS


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_file_of_another_name_is_a_service_of_one_noun_and_meets_no_request(domain: str) -> None:
    for path in (ROOT / "controlplane" / domain).glob("*.py"):
        if path.stem == "__init__" or is_of_a_known_kind(path.stem):
            continue
        of_the_web = [name for name in imports(path) if name.startswith(OF_THE_WEB)]
        assert not of_the_web, f"{named(path)}: {', '.join(of_the_web)} belongs to views, api or forms"


@pytest.mark.parametrize("domain", DOMAINS)
def test_views_leave_kafka_to_services_and_selectors(domain: str) -> None:
    for path in (ROOT / "controlplane" / domain).glob("*.py"):
        if path.stem.endswith(("views", "api", "forms", "pages")):
            direct = [
                name for name in imports(path) if name.startswith("controlplane.gateways.kafka.gateway")
            ]
            assert not direct, named(path)


@pytest.mark.parametrize("path", PRODUCT, ids=named)
def test_a_file_stays_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < MAX_FILE


def test_functions_stay_short() -> None:
    found = dict(functions())
    assert {name: lines for name, lines in found.items() if lines > MAX_FUNCTION} == {}
    assert statistics.median(found.values()) < 10
    assert statistics.quantiles(found.values(), n=10)[8] < 35


@pytest.mark.parametrize("path", [p for p in PRODUCT if p.stem not in ("__init__",)], ids=named)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    if path.stem in ("apps", "__main__", "manage") or "management" in path.parts:
        pytest.skip("its name says it all")
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), "open it with two to five lines"


PURE = [
    path for path in PRODUCT if "logic" in path.parts or path.stem == "logic" or "core/plans" in str(path)
]


@pytest.mark.parametrize("path", PURE, ids=named)
def test_logic_is_given_the_time_and_chance_and_never_asks(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            value = node.func.value
            owner = value.id if isinstance(value, ast.Name) else getattr(value, "attr", "")
            assert (owner, node.func.attr) not in CLOCKS, f"line {node.lineno}: {owner}.{node.func.attr}()"


def test_every_package_has_its_place_in_the_layers() -> None:
    layers = contracts()["Layers of the control plane (DESIGN section 4)"]["layers"]
    listed = {name.strip().removeprefix("controlplane.") for layer in layers for name in layer.split("|")}
    assert listed == packages()
    assert set(DOMAINS) < packages()


def test_every_logic_is_in_the_purity_contract() -> None:
    listed = set(
        contracts()["Pure decisions reach no framework, client, socket or process"]["source_modules"]
    )
    found = {
        f"controlplane.{name}.logic"
        for name in packages()
        if (ROOT / "controlplane" / name / "logic").is_dir()
        or (ROOT / "controlplane" / name / "logic.py").is_file()
    }
    assert found <= listed


@pytest.mark.parametrize(
    "contract", ["Only gateways.broker imports broker", "Only gateways.kafka imports a Kafka client"]
)
def test_every_package_is_bound_by_the_contracts_about_what_leaves_the_process(contract: str) -> None:
    listed = set(contracts()[contract]["source_modules"])
    for name in packages() - {"gateways"}:
        assert f"controlplane.{name}" in listed


def test_no_mark_of_an_unfinished_merge_stands_in_a_text() -> None:
    marks = ("<" * 7, ">" * 7)
    texts = [
        path
        for path in (
            ROOT / "CHANGELOG.md",
            ROOT / "README.md",
            ROOT / "pyproject.toml",
            *ROOT.glob("templates/**/*"),
        )
        if path.is_file()
    ]
    assert not [
        named(path) for path in texts for line in path.read_text().splitlines() if line.startswith(marks)
    ]
