"""Which series there are: the whole table of a store in memory, read on from where it was last read.

A few tens of thousands of rows of text; every query begins here, so it is never read twice.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping

from controlplane.metrics.store.databases import Cursor

Labels = Mapping[str, str]
Test = Callable[[Labels], bool]


class SeriesIndex:
    """Labels hold the name as `__name__` and the cluster as `cluster`, whatever the source said of one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._highest = 0
        self._series: dict[str, dict[str, dict[int, Labels]]] = {}
        self._names: dict[int, tuple[str, str]] = {}

    def refresh(self, db: Cursor) -> None:
        with self._lock:
            rows = db.rows(
                "SELECT id, cluster, name, labels FROM series WHERE id > ? ORDER BY id", (self._highest,)
            )
            for series, cluster, name, labels in rows:
                found = {**json.loads(labels), "__name__": name, "cluster": cluster}
                self._series.setdefault(cluster, {}).setdefault(name, {})[series] = found
                self._names[series] = (name, labels)
                self._highest = series

    def names(self, cluster: str) -> tuple[str, ...]:
        with self._lock:
            return tuple(sorted(self._series.get(cluster, {})))

    def matching(self, cluster: str, name: str | None, test: Test) -> dict[int, Labels]:
        """Series of a name, or of every name, whose labels pass."""
        with self._lock:
            of_cluster = self._series.get(cluster, {})
            candidates = of_cluster.values() if name is None else [of_cluster.get(name, {})]
            return {
                series: labels for members in candidates for series, labels in members.items() if test(labels)
            }

    def name_of(self, series: int) -> tuple[str, str]:
        """Its name, and its labels as JSON."""
        return self._names[series]
