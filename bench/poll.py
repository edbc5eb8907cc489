"""How long one poll of one broker takes: the bulk read alone, and with naming and storing."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

from bench._report import finish, table
from controlplane.gateways import broker as bundled
from controlplane.gateways.jolokia import Endpoint, read_mbeans
from controlplane.metrics.names import QUERIES, samples_of
from controlplane.metrics.store import open_store

ROUNDS = 20


def main() -> None:
    """Against the cluster of KASTELLAN_BENCH_DATA (default ./data), which must be up."""
    os.environ["KASTELLAN_DATA"] = os.environ.get("KASTELLAN_BENCH_DATA", "data")
    clusters = bundled.bundled_clusters()
    if not clusters:
        raise SystemExit("There is no bundled cluster: ./run up --detach first, or set KASTELLAN_BENCH_DATA")
    spec = clusters[0]
    reads, wholes, samples = [], [], 0
    with tempfile.TemporaryDirectory() as directory:
        store = open_store(str(Path(directory) / "metrics.sqlite3"))
        for number in range(ROUNDS):
            for node in spec.nodes:
                found = bundled.jolokia_endpoint(spec, node)
                started = time.perf_counter()
                mbeans = read_mbeans(Endpoint(found.url, found.username, found.password_file), QUERIES)
                read = time.perf_counter()
                samples = store.append(spec.name, str(node.id), number * 10_000, samples_of(mbeans))
                reads.append((read - started) * 1000)
                wholes.append((time.perf_counter() - started) * 1000)
        store.close()
    rows = [
        (name, f"{min(values):.0f}", f"{statistics.median(values):.0f}", f"{max(values):.0f}")
        for name, values in (("bulk read", reads), ("read, name, store", wholes))
    ]
    table(("per broker", "min ms", "median ms", "max ms"), rows)
    print(f"{samples} samples a poll, {len(spec.nodes)} brokers, {ROUNDS} rounds")
    median = statistics.median(wholes)
    finish(
        "poll",
        {"per_broker_ms": round(median, 1), "samples": samples},
        {"whole/read": round(median / statistics.median(reads), 2)},
    )


if __name__ == "__main__":
    main()
