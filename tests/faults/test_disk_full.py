"""PS-8 and FI-5: the log directory of one of three brokers fills under load, and is given room again.

Told before it happens, told by node and directory when it has, no loop of restarts, nothing acknowledged lost.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.checker import check
from tests.faults.drill import behind, running, until
from tests.faults.installation import Installation, installation
from tests.faults.load import Limits, Load, create_topic, history, read_all
from tests.faults.rotation import Api
from tests.faults.small_disk import Watch, small_disk

pytestmark = [
    pytest.mark.slow,
    pytest.mark.root,
    pytest.mark.timeout(2400),
    pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small tmpfs, which needs root"),
]
BROKER, NAME = 3, "main-broker-3"
MEGABYTES = 256
#: 0.6 MB/s: from a quarter to all of the disk in five minutes.
LOAD = Limits(rate=150, seconds=1800, size=4000)
FULL_S = 900
LEFT_ALONE_S = 60
WARNINGS = ("DiskFullInAnHour", "DiskFullInHours", "DiskFullInADay", "DiskFilling", "DiskAlmostFull")


@pytest.fixture(scope="module")
def target() -> Iterator[Installation]:
    with installation() as made:
        yield made


def test_a_full_disk_is_told_before_and_after_and_loses_nothing(target: Installation) -> None:
    call, topic = Api(target), f"faults-disk-{time.time_ns()}"
    with small_disk(target, BROKER, MEGABYTES) as disk:
        create_topic(target.link, topic)
        until(lambda: not behind(target), f"{topic} in sync")
        load = Load(target.link, topic, limits=LOAD)
        watch = Watch(
            disk,
            {
                "forecast": lambda: bool(_forecast(call)),
                "process ended": lambda: target.processes()[NAME].cause == "disk_full",
                **{name: lambda name=name: _fires(call, name) for name in WARNINGS},  # type: ignore[misc]
            },
        )
        load.start()
        try:
            with watch.running():
                until(lambda: "process ended" in watch.seen, "the broker ends", FULL_S)
                _told(call, str(disk.data))
                _left_alone(target)
            before = len(load.journal.acked)
            disk.enlarge(4 * MEGABYTES)
            began = time.monotonic()
            until(lambda: bool(running(target, (NAME,))), "the broker is started by itself", 120)
            started = time.monotonic() - began
            until(lambda: not behind(target), "every partition in sync", 300)
            in_sync = time.monotonic() - began
        finally:
            journal = load.stop()
        reads = [*read_all(target.link, topic), *read_all(target.link, topic, reader=1)]
        verdict = check(history(journal, reads))
        for name, (at, used) in sorted(watch.seen.items(), key=lambda item: item[1]):
            print(f"{name}: after {at:.0f} s, at {used:.0%}")
        print(
            f"longest pause {journal.longest_pause:.1f} s; back after {started:.1f} s, in sync after {in_sync:.1f} s"
        )
        print(f"{verdict.acked} acknowledged, {len(journal.acked) - before} since there is room; {verdict}")
        assert min(watch.seen[name][1] for name in WARNINGS if name in watch.seen) < 0.9
        assert watch.seen["forecast"][1] < 0.9
        assert not journal.errors, sorted(set(journal.errors))
        assert verdict.clean, verdict
        until(lambda: not any(_fires(call, name) for name in WARNINGS), "the alerts resolved", 600)


def _forecast(call: Api) -> list[dict[str, Any]]:
    """Of the small disk, that it is soon full."""
    disks = call("GET", "clusters/main/metrics/forecasts/")[0]["disks"]
    return [
        disk
        for disk in disks
        if disk["broker"] == str(BROKER) and disk["full_at"] and disk["full_in_s"] < 3600
    ]


def _fires(call: Api, name: str) -> bool:
    found = call("GET", f"alerts/?state=firing&search={name}")[0]["results"]
    return any(each["name"] == name and each["labels"].get("broker") == str(BROKER) for each in found)


def _told(call: Api, directory: str) -> None:
    """Which directory of which node, and what to do: in the API, and in the sentences that the pages show."""
    broker = call("GET", f"clusters/main/brokers/{BROKER}/")[0]
    assert broker["condition"] == "out of disk"
    assert broker["process"]["cause"] == "disk_full"
    assert directory in broker["process"]["reason"]
    for word in ("Enlarge", "never delete", "by itself"):
        assert word in broker["process"]["hint"]
    until(lambda: directory in str(call("GET", "clusters/main/")[0]["verdict"]), "the verdict", 30)
    verdict = call("GET", "clusters/main/")[0]["verdict"]
    assert verdict["tone"] == "critical"
    assert f"Broker {BROKER}" in str(verdict)
    assert broker["process"]["hint"] in str(verdict)


def _left_alone(target: Installation) -> None:
    """Not started over and over: nothing lives under its name while there is no room."""
    restarts = target.processes()[NAME].restarts
    ends = time.monotonic() + LEFT_ALONE_S
    while time.monotonic() < ends:
        found = target.processes()[NAME]
        assert (found.pid, found.restarts) == (None, restarts), found
        time.sleep(1)
