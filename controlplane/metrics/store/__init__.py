"""The embedded metric store: its own SQLite file or a PostgreSQL schema, compact blocks, one narrow interface."""

from __future__ import annotations

from pathlib import Path

from controlplane.metrics.store.databases import PostgresDatabase, SqliteDatabase
from controlplane.metrics.store.history import MetricStore, Points, Series
from controlplane.metrics.store.tiers import Retention

__all__ = ["MetricStore", "Points", "Retention", "Series", "open_store"]


def open_store(where: str) -> MetricStore:
    """`where` is the path of a file, or a `postgres://` URL."""
    if where.startswith(("postgres://", "postgresql://")):
        return MetricStore(PostgresDatabase(where))
    return MetricStore(SqliteDatabase(Path(where)))
