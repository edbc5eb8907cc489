"""A real Prometheus on a loopback port with the same samples as a `Memory`, for comparison.

It is 2.x where Debian packages it: its ranges are closed on the left, ours open. So no sample and no step of a subquery
lies on a boundary: samples are 3.7 s past the quarter minute, questions 17 s past the minute.
"""

from __future__ import annotations

import json
import math
import random
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from controlplane.metrics.promql import Series
from controlplane.metrics.promql.notation import Memory as Memory

START = 1_760_000_040_000  # a whole minute
MINUTES = 180
FIRST_QUESTION = START + 60 * 60_000 + 17_000
LAST_QUESTION = START + 175 * 60_000 + 17_000
STEP = 5 * 60_000
QUERIES = [
    line
    for line in (Path(__file__).parent / "queries.txt").read_text().splitlines()
    if line and not line.startswith("#")
]
#: What Prometheus 3 answers otherwise than the 2.x that Debian has, and we as Prometheus 3.
CHANGED = {
    r"\batan2\b(?! 2)": "Prometheus 3 drops the metric's name after atan2",
    r"^rate\((rate|\(heat)": "Prometheus 3 looks for a counter's zero after it shortened a long way to the range's start",
}
RENAMED = {"double_exponential_smoothing": "holt_winters"}


def changed_since(query: str) -> str:
    return next((reason for pattern, reason in CHANGED.items() if re.search(pattern, query)), "")


def available() -> bool:
    return shutil.which("prometheus") is not None and shutil.which("promtool") is not None


def samples() -> list[Series]:
    """Counters with restarts, gaps and late starts, gauges, histograms, NaN and infinities: the same every time."""
    chance = random.Random(20)
    times = [
        START + minute * 60_000 + quarter + 3_700
        for minute in range(MINUTES)
        for quarter in range(0, 60_000, 15_000)
    ]
    return [*_counters(chance, times), *_gauges(chance, times), *_histograms(chance, times)]


def _series(name: str, labels: Mapping[str, str], times: list[int], values: list[float]) -> Series:
    return Series({"__name__": name, **labels}, times, values)


def _counter(chance: random.Random, count: int, most: float, *, restarts: int = 0) -> list[float]:
    level, found = chance.uniform(1e4, 1e5), []
    anew = {chance.randrange(1, count) for _ in range(restarts)}
    for place in range(count):
        level = 0.0 if place in anew else level + chance.uniform(0, most)
        found.append(round(level, 3))
    return found


def _counters(chance: random.Random, times: list[int]) -> Iterator[Series]:
    for broker in "012":
        for topic in ("orders", "payments", "audit"):
            labels = {"broker": broker, "topic": topic}
            values = _counter(chance, len(times), 30, restarts=6 if broker == "1" else 0)
            # One broker was away for twenty minutes.
            kept = [place for place in range(len(times)) if broker != "2" or not 400 <= place < 480]
            yield _series("requests_total", labels, [times[p] for p in kept], [values[p] for p in kept])
        yield _series("bytes_total", {"broker": broker}, times, _counter(chance, len(times), 3e6))
    late = _counter(chance, 300, 5)
    yield _series("late_total", {}, times[-300:], [0.0, *(round(value - late[0], 3) for value in late[1:])])


def _gauges(chance: random.Random, times: list[int]) -> Iterator[Series]:
    for broker in "012":
        for zone, rack in (("a", "r1"), ("b", "")):
            shift = chance.uniform(0, 6)
            heat = [
                20 + 12 * math.sin(place / 40 + shift) + chance.gauss(0, 1) for place in range(len(times))
            ]
            labels = {"broker": broker, "zone": zone} | ({"rack": rack} if rack else {})
            yield _series("heat", labels, times, heat)
        up = [0.0 if chance.random() < 0.02 * int(broker) else 1.0 for _ in times]
        yield _series("up", {"broker": broker, "job": "kafka"}, times, up)
        yield _series("build_info", {"broker": broker, "version": f"4.{broker}"}, times, [1.0] * len(times))
        yield _series("constant", {"broker": broker, "job": "kafka"}, times, [7.25] * len(times))
        yield _series(
            "sparse", {"broker": broker}, times[::17], [float(place) for place in range(len(times[::17]))]
        )
    odd = [math.nan, math.inf, -math.inf, 0.0, 1.5, -2.5]
    for kind in ("mixed", "rare"):
        values = [
            chance.choice(odd) if kind == "mixed" or chance.random() < 0.02 else 3.0 + place
            for place in range(len(times))
        ]
        yield _series("weird", {"kind": kind}, times, values)


def _histograms(chance: random.Random, times: list[int]) -> Iterator[Series]:
    bounds = ("0.1", "0.5", "1", "2.5", "+Inf")
    for path in ("/a", "/b"):
        below = [0.0] * len(times)
        for le in bounds:
            own = _counter(chance, len(times), 4)
            below = [a + round(b - own[0]) for a, b in zip(below, own, strict=True)]
            yield _series("latency_bucket", {"path": path, "le": le}, times, below)
            if le != "+Inf":
                yield _series("noinf_bucket", {"path": path, "le": le}, times, below)
    for le, value in zip(bounds, (5.0, 4.0, 9.0, 8.0, 20.0), strict=True):
        yield _series("broken_bucket", {"le": le}, times, [value] * len(times))


def open_metrics(series: list[Series]) -> str:
    lines = []
    for each in sorted(series, key=lambda one: one.labels["__name__"]):
        labels = ",".join(f'{name}="{value}"' for name, value in each.labels.items() if name != "__name__")
        for at, value in zip(each.times, each.values, strict=True):
            lines.append(f"{each.labels['__name__']}{{{labels}}} {value!r} {at / 1000:.3f}")
    return "\n".join([*lines, "# EOF", ""])


@contextmanager
def prometheus(folder: Path, series: list[Series]) -> Iterator[str]:
    """Its address, while it runs."""
    (folder / "data.om").write_text(open_metrics(series))
    (folder / "prometheus.yml").write_text("{}\n")
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", folder / "data.om", folder / "tsdb"],
        check=True, capture_output=True,
    )  # fmt: skip
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    with subprocess.Popen(
        [
            "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
            f"--web.listen-address={address}", "--storage.tsdb.retention.time=100y", "--log.level=error",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            _wait(f"http://{address}/-/ready")
            yield f"http://{address}/api/v1"
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait(url: str) -> None:
    for _ in range(200):
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise TimeoutError(f"{url} did not answer")


def ask(base: str, query: str, **parameters: float) -> dict[str, Any]:
    for ours, theirs in RENAMED.items():
        query = query.replace(ours, theirs)
    kind = "query_range" if "step" in parameters else "query"
    body = urllib.parse.urlencode({"query": query, **parameters}).encode()
    try:
        with urllib.request.urlopen(f"{base}/{kind}", data=body, timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        found = json.loads(error.read())
        error.close()
    return found


def difference(ours: Mapping[str, Any], theirs: Mapping[str, Any], *, ordered: bool) -> float:
    """The largest relative one of any value; infinite when anything else differs."""
    if ours["resultType"] != theirs["resultType"]:
        return math.inf
    if ours["resultType"] in ("scalar", "string"):
        return _apart([ours["result"]], [theirs["result"]])
    left, right = _listed(ours), _listed(theirs)
    if not ordered:
        left, right = sorted(left), sorted(right)
    if [labels for labels, _ in left] != [labels for labels, _ in right]:
        return math.inf
    return max((_apart(a[1], b[1]) for a, b in zip(left, right, strict=True)), default=0.0)


def _listed(data: Mapping[str, Any]) -> list[tuple[list[tuple[str, str]], list[Any]]]:
    return [
        (sorted(each["metric"].items()), each.get("values") or [each["value"]]) for each in data["result"]
    ]


def _apart(left: list[Any], right: list[Any]) -> float:
    if [at for at, _ in left] != [at for at, _ in right]:
        return math.inf
    return max(
        (_relative(float(a), float(b)) for (_, a), (_, b) in zip(left, right, strict=True)), default=0.0
    )


def _relative(a: float, b: float) -> float:
    if a == b or (math.isnan(a) and math.isnan(b)):
        return 0.0
    if not (math.isfinite(a) and math.isfinite(b)):
        return math.inf
    return abs(a - b) / max(abs(a), abs(b))
