"""The embedded metric store: its own SQLite file, compact chunks, one narrow interface (`MetricStore`)."""

from __future__ import annotations

from controlplane.metrics.store.sqlite import MetricStore, Series

__all__ = ["MetricStore", "Series"]
