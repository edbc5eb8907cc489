"""Settings of where things are kept: the database of the application, and the history of metrics."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import dj_database_url

from controlplane.core.env import envbool, envint, envsecret
from controlplane.core.paths import data_directory, private_directory

_DATA = data_directory(Path(__file__).resolve().parents[2])
_SQLITE: dict[str, Any] = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": private_directory(_DATA / "db") / "kastellan.sqlite3",
    "OPTIONS": {
        # A writer takes the lock when it begins, and waits for it: no "database is locked" at the first write.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA foreign_keys=ON; PRAGMA cache_size=-16000;",
    },
    "TEST": {"NAME": os.environ.get("KASTELLAN_TEST_DATABASE")},
}
_database_url = envsecret("DATABASE_URL")
DATABASES: dict[str, Any] = {
    "default": (
        dict(dj_database_url.parse(_database_url, conn_max_age=60, conn_health_checks=True))
        if _database_url
        else _SQLITE
    )
}

#: Metric history has a file of its own (metrics/store): it is large, and losing it costs nothing but history.
#: With PostgreSQL it is a schema of its own there.
METRICS_DATABASE = (
    _database_url
    if _database_url.startswith(("postgres://", "postgresql://"))
    else str(_DATA / "db" / "metrics.sqlite3")
)
#: As polled, then one sample a minute, then one in ten minutes.
METRICS_RAW_HOURS = envint("KASTELLAN_METRICS_RAW_HOURS", 48, low=3, high=24 * 400)
METRICS_MINUTE_DAYS = envint("KASTELLAN_METRICS_MINUTE_DAYS", 15, low=1, high=400)
METRICS_DAYS = envint("KASTELLAN_METRICS_DAYS", 365, low=1, high=4000)
#: Whether a record goes through every broker each half minute (metrics/probe), to a topic of its own.
PROBE = envbool("KASTELLAN_PROBE", True)
