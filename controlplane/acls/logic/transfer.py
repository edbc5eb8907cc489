"""ACLs as files: kafbat's CSV and a YAML list. Reading gives bindings and problems by line; nothing is guessed.

Cells that a spreadsheet would run as a formula are written with a leading apostrophe, which reading takes off again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import yaml

from controlplane.acls.logic import checks
from controlplane.acls.logic.bindings import FIELDS, from_json, in_order, to_json
from controlplane.core.cells import escape
from controlplane.core.plans import Refusal
from controlplane.gateways.kafka.access_types import Acl

COLUMNS = ("Principal", "ResourceType", "PatternType", "ResourceName", "Operation", "PermissionType", "Host")
FIELD_OF = dict(
    zip(
        COLUMNS,
        ("principal", "resource_type", "pattern_type", "resource_name", "operation", "permission", "host"),
        strict=True,
    )
)
REQUIRED = ("principal", "operation", "resource_type", "resource_name")
UPPER = frozenset({"resource_type", "pattern_type", "operation", "permission"})
MAX_BYTES = 2_000_000
MAX_DEPTH = 8
MAX_PROBLEMS = 20


class FileFormat(StrEnum):
    CSV = "csv"
    YAML = "yaml"


@dataclass(frozen=True, slots=True)
class Parsed:
    acls: tuple[Acl, ...]
    problems: tuple[Refusal, ...]
    #: Where in the file each of `acls` stands.
    labels: tuple[str, ...] = ()


def to_csv(acls: Iterable[Acl]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for acl in in_order(acls):
        writer.writerow(escape(str(getattr(acl, FIELD_OF[column]))) for column in COLUMNS)
    return out.getvalue()


def unescape(cell: str) -> str:
    return cell[1:] if cell.startswith("'") else cell


def to_yaml(acls: Iterable[Acl]) -> str:
    rows = [to_json(acl) for acl in in_order(acls)]
    return yaml.safe_dump({"acls": rows}, sort_keys=False, allow_unicode=True)


def write(acls: Iterable[Acl], wanted: FileFormat) -> str:
    return to_csv(acls) if wanted is FileFormat.CSV else to_yaml(acls)


def read(text: str, given: FileFormat) -> Parsed:
    if len(text) > MAX_BYTES:
        return _failed(f"The file has more than {MAX_BYTES // 1_000_000} MB", "Split it.")
    return read_csv(text) if given is FileFormat.CSV else read_yaml(text)


def read_csv(text: str) -> Parsed:
    try:
        rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    except csv.Error as error:
        return _failed("The file is not CSV", f"{error}.")
    if not rows:
        return _failed("The file is empty", f"The first line is {','.join(COLUMNS)}.")
    header = [cell.strip() for cell in rows[0]]
    missing = [column for column in COLUMNS if FIELD_OF[column] in REQUIRED and column not in header]
    unknown = [column for column in header if column not in FIELD_OF]
    twice = [column for column in dict.fromkeys(header) if header.count(column) > 1]
    if missing or unknown or twice:
        return _failed(
            "The first line does not name the columns, each once",
            f"It is {','.join(COLUMNS)}; {', '.join(missing or unknown or twice)}.",
        )
    entries = [
        (number, dict(zip([FIELD_OF[name] for name in header], map(unescape, row), strict=False)), len(row))
        for number, row in enumerate(rows[1:], 2)
        if any(cell.strip() for cell in row)
    ]
    wrong = [number for number, _, length in entries if length != len(header)]
    if wrong:
        return _failed(
            f"Line {wrong[0]} has another number of cells than the first line", "Quote names with commas."
        )
    return _parsed([(f"Line {number}", entry) for number, entry, _ in entries])


def read_yaml(text: str) -> Parsed:
    """Data only, and every scalar a text: no objects, no numbers that are huge when written out. Aliases are refused, since
    a few lines of them can be made huge, and so is a depth that no list of bindings has: parsers slow down with it."""
    try:
        problem = _shape_problem(text)
        if problem is not None:
            return problem
        data: Any = yaml.load(text, yaml.CBaseLoader)  # noqa: S506  # nosec B506  # builds texts, lists and objects only
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return _failed("The file is not YAML", str(error).splitlines()[0][:200])
    rows = data.get("acls") if isinstance(data, dict) else data
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return _failed(
            "The file is not a list of bindings", "acls: a list of objects with principal, operation, …"
        )
    return _parsed([(f"Binding {number}", row) for number, row in enumerate(rows, 1)])


def _shape_problem(text: str) -> Parsed | None:
    depth = 0
    for event in yaml.parse(text, yaml.CBaseLoader):
        if isinstance(event, yaml.AliasEvent):
            return _failed("The file has YAML aliases", "Write each binding out.")
        tag = getattr(event, "tag", None)
        if tag:
            return _failed("The file is not YAML of plain texts", f"Take {tag[:40]} out.")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            return _failed(
                f"The file is nested deeper than {MAX_DEPTH} levels", "A list of bindings has three."
            )
    return None


def _parsed(entries: Sequence[tuple[str, dict[Any, Any]]]) -> Parsed:
    acls, labels, problems = [], [], []
    for label, entry in entries:
        problem = _problem(label, entry)
        if problem is not None:
            problems.append(problem)
            continue
        plain = {name: str(value).strip() for name, value in entry.items()}
        acls.append(from_json({n: v.upper() if n in UPPER else v for n, v in plain.items()}))
        labels.append(label)
    return Parsed(tuple(acls), tuple(problems[:MAX_PROBLEMS]), tuple(labels))


def problems_of(parsed: Parsed) -> tuple[Refusal, ...]:
    """What cannot be read, and what can but means nothing, each with the place where it stands."""
    senseless = (
        replace(each, what=f"{label}: {each.what}")
        for label, acl in zip(parsed.labels, parsed.acls, strict=True)
        for each in checks.refusals_of([acl])
    )
    return (*parsed.problems, *senseless)[:MAX_PROBLEMS]


def _problem(label: str, entry: dict[Any, Any]) -> Refusal | None:
    unknown = [str(name) for name in entry if name not in FIELDS]
    if unknown:
        return Refusal("file", f"{label}: there is no field {unknown[0]}", f"Fields are {', '.join(FIELDS)}.")
    odd = [name for name, value in entry.items() if not isinstance(value, (str, int))]
    if odd:
        return Refusal("file", f"{label}: {odd[0]} is not a text", "Quote it.")
    missing = [name for name in REQUIRED if not str(entry.get(name, "")).strip()]
    if missing:
        return Refusal("file", f"{label}: {missing[0]} is missing", f"Each needs {', '.join(REQUIRED)}.")
    return None


def _failed(what: str, hint: str) -> Parsed:
    return Parsed((), (Refusal("file", what, hint),))
