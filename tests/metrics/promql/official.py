"""Reads Prometheus' own test files: `load`, `clear`, `eval instant`, `eval range` and what each expects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from controlplane.metrics.promql import PromQLError, Series, parse
from controlplane.metrics.promql.notation import Line, Memory, NotationError, parse_line

_LOAD = re.compile(r"load(?:_(with_nhcb))?\s+(\S+)$")
_INSTANT = re.compile(r"eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(\S+))?\s+(.+)$")
_RANGE = re.compile(r"eval(?:_(fail|warn|info))?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\s+(.+)$")
_EXPECT = re.compile(r"expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(regex|msg):(.+))?$")
_RANGE_VECTOR = re.compile(r"expect range vector\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)$")
_UNITS = {
    "ms": 1,
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "y": 31_536_000_000,
}


def milliseconds(text: str) -> int:
    if re.fullmatch(r"-?[\d.]+", text):
        return round(float(text) * 1000)
    sign = -1 if text.startswith("-") else 1
    return sign * sum(int(n) * _UNITS[unit] for n, unit in re.findall(r"(\d+)(ms|[smhdwy])", text))


@dataclass
class Case:
    file: str
    line: int
    query: str
    at: int = 0
    #: (start, end, step) of a range query.
    steps: tuple[int, int, int] | None = None
    expected: list[Line] = field(default_factory=list)
    number: float | None = None
    text: str | None = None
    flags: set[str] = field(default_factory=set)
    #: (kind, "msg" or "regex", text)
    messages: list[tuple[str, str, str]] = field(default_factory=list)
    range_vector: tuple[int, int, int] | None = None
    #: Something of this case cannot be read here: native histograms.
    unreadable: str = ""
    source: Memory = field(default_factory=lambda: Memory([]))

    @property
    def id(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass
class _Loaded:
    points: dict[tuple[tuple[str, str], ...], dict[int, float]] = field(default_factory=dict)
    #: Label sets of native histograms: queries that read them are not for us.
    native: list[Mapping[str, str]] = field(default_factory=list)

    def load(self, line: str, interval: int) -> None:
        try:
            found = parse_line(line).series(0, interval)
        except NotationError:
            self.native.append(
                parse_line(
                    line.split("{{")[0].rsplit("}", 1)[0] + "}"
                    if "}" in line.split("{{")[0]
                    else re.split(r"\s", line)[0]
                ).labels
            )
            return
        key = tuple(sorted(found.labels.items()))
        self.points.setdefault(key, {}).update(zip(found.times, found.values, strict=True))

    def source(self) -> Memory:
        return Memory(
            [
                Series(dict(key), list(times), list(times.values()))
                for key, points in self.points.items()
                if (times := dict(sorted(points.items())))
            ]
        )


def cases(name: str, text: str) -> Iterator[Case]:
    loaded, lines, at = _Loaded(), text.split("\n"), 0
    while at < len(lines):
        line = lines[at].strip()
        at += 1
        if not line or line.startswith("#"):
            continue
        block_start = at
        while (
            at < len(lines) and lines[at].strip() and not re.match(r"(load|clear|eval)\b", lines[at].strip())
        ):
            at += 1
        block = [each.strip() for each in lines[block_start:at] if not each.strip().startswith("#")]
        if line == "clear":
            loaded = _Loaded()
        elif found := _LOAD.match(line):
            for each in block:
                loaded.load(each, milliseconds(found[2]))
            if found[1]:
                loaded.native.extend(_without_le(parse_line(each).labels) for each in block)
        else:
            case = _case(name, block_start, line, block)
            case.source = loaded.source()
            if _reads(case.query, loaded.native):
                case.unreadable = case.unreadable or "native histograms"
            yield case


def _without_le(labels: Mapping[str, str]) -> Mapping[str, str]:
    name = labels.get("__name__", "").removesuffix("_bucket")
    return {**{key: value for key, value in labels.items() if key != "le"}, "__name__": name}


def _reads(query: str, native: Sequence[Mapping[str, str]]) -> bool:
    try:
        selectors = parse(query).selectors()
    except PromQLError:
        return False
    return any(
        all(matcher.matches(labels.get(matcher.name, "")) for matcher in selector.matchers)
        for selector in selectors
        for labels in native
    )


def _case(name: str, number: int, line: str, block: list[str]) -> Case:
    if found := _RANGE.match(line):
        mod, start, end, step, query = found.groups()
        case = Case(name, number, query, steps=(milliseconds(start), milliseconds(end), milliseconds(step)))
    else:
        found = _INSTANT.match(line)
        assert found, line
        mod, query = found[1], found[3]
        case = Case(name, number, query, at=milliseconds(found[2] or "0"))
    case.flags |= {mod} if mod else set()
    for each in block:
        _expectation(case, each)
    return case


def _expectation(case: Case, line: str) -> None:
    if found := _RANGE_VECTOR.match(line):
        start, end, step = (milliseconds(each) for each in found.groups())
        case.range_vector, case.at = (start, end, step), end
    elif line.startswith("expect string"):
        case.text = line.removeprefix("expect string").strip()[1:-1]
    elif found := _EXPECT.match(line):
        case.flags.add(found[1])
        if found[2]:
            case.messages.append((found[1], found[2], found[3].strip()))
    elif line.startswith(("expected_fail_message", "expected_fail_regexp")):
        how, _, text = line.partition(" ")
        case.messages.append(("fail", "msg" if how.endswith("message") else "regex", text.strip()))
    else:
        _value(case, line)


def _value(case: Case, line: str) -> None:
    try:
        case.number = float(int(line, 16)) if line.startswith("0x") else float(line)
    except ValueError:
        try:
            case.expected.append(parse_line(line))
        except NotationError as error:
            case.unreadable = str(error)
