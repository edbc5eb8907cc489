"""Where the samples lie: a SQLite file of their own, or PostgreSQL. Both speak the SQL of `compaction` and `history`.

Statements are written with `?`; `ON CONFLICT … DO …` and the types are common to both.
"""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Generator, Iterable, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg import sql as names

Row = tuple[Any, ...]

#: `series.id` is never given twice: other processes remember ids. `scrape.layout` names the ids of its values,
#: `block.clock` the times of its values. Blocks have row ids in SQLite: without, each block over 1 kB takes a page more.
_TABLES = """
CREATE TABLE IF NOT EXISTS series (
  id {serial}, cluster TEXT NOT NULL, name TEXT NOT NULL, labels TEXT NOT NULL, UNIQUE (cluster, name, labels));
CREATE TABLE IF NOT EXISTS layout (id {serial}, digest {bytes} NOT NULL UNIQUE, ids {bytes} NOT NULL);
CREATE TABLE IF NOT EXISTS scrape (
  target TEXT NOT NULL, ts BIGINT NOT NULL, layout BIGINT NOT NULL, data {bytes} NOT NULL,
  PRIMARY KEY (target, ts)){clustered};
CREATE INDEX IF NOT EXISTS scrape_ts ON scrape (ts);
CREATE TABLE IF NOT EXISTS clock (id {serial}, digest {bytes} NOT NULL UNIQUE, times {bytes} NOT NULL);
CREATE TABLE IF NOT EXISTS block (
  series BIGINT NOT NULL, tier SMALLINT NOT NULL, start BIGINT NOT NULL, stop BIGINT NOT NULL, clock BIGINT NOT NULL,
  data {bytes} NOT NULL, PRIMARY KEY (series, tier, start));
CREATE INDEX IF NOT EXISTS block_tier_start ON block (tier, start);
CREATE INDEX IF NOT EXISTS block_clock ON block (clock);
"""


class Cursor(Protocol):
    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]: ...

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> None: ...

    def run_many(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None: ...

    def alone(self) -> None:
        """From here to the end of this transaction no other gives out ids: they become visible in their order."""


class Database(Protocol):
    """One connection per thread; `read` sees one moment, `write` is all or nothing."""

    def read(self) -> AbstractContextManager[Cursor]: ...

    def write(self) -> AbstractContextManager[Cursor]: ...

    def close(self) -> None: ...

    def size_bytes(self) -> int: ...


class _SqliteCursor:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        return self._db.execute(sql, parameters).fetchall()

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        self._db.execute(sql, parameters)

    def run_many(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None:
        self._db.executemany(sql, parameters)

    def alone(self) -> None:
        """Writers are always alone in SQLite."""


class SqliteDatabase:
    """WAL: readers never wait. Writers take the lock at once, so that none fails half-way."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()

    @contextmanager
    def read(self) -> Generator[Cursor]:
        with self._transaction("BEGIN") as cursor:
            yield cursor

    @contextmanager
    def write(self) -> Generator[Cursor]:
        with self._transaction("BEGIN IMMEDIATE") as cursor:
            yield cursor

    @contextmanager
    def _transaction(self, begin: str) -> Generator[Cursor]:
        db = self._connection()
        db.execute(begin)
        try:
            yield _SqliteCursor(db)
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")

    def close(self) -> None:
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        if db is not None:
            db.close()
            self._local.db = None

    def size_bytes(self) -> int:
        with self.read() as db:
            ((pages,),), ((size,),) = db.rows("PRAGMA page_count"), db.rows("PRAGMA page_size")
        return int(pages * size)

    def _connection(self) -> sqlite3.Connection:
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        if db is None:
            db = sqlite3.connect(self._path, timeout=10, isolation_level=None)
            self._path.chmod(0o600)
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            _make_sqlite(db)
            self._local.db = db
        return db


def _make_sqlite(db: sqlite3.Connection) -> None:
    if _has(db, "clock"):
        return
    tables = _TABLES.format(
        serial="INTEGER PRIMARY KEY AUTOINCREMENT", bytes="BLOB", clustered=" WITHOUT ROWID"
    )
    db.execute("BEGIN IMMEDIATE")
    try:
        if not _has(db, "clock"):  # another process may have been first
            _drop_first_layout(db)
            for statement in filter(str.strip, tables.split(";")):
                db.execute(statement)
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _drop_first_layout(db: sqlite3.Connection) -> None:
    """A file from before the first release held a few days in a form that nothing reads any more."""
    for table in ("series", "layout", "scrape", "chunk"):
        db.execute(f"DROP TABLE IF EXISTS {table}")


def _has(db: sqlite3.Connection, table: str) -> bool:
    return bool(
        db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)).fetchone()
    )


class _PostgresCursor:
    def __init__(self, db: psycopg.Connection[Row]) -> None:
        self._db = db

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        return self._db.execute(_numbered(sql), parameters).fetchall()

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        self._db.execute(_numbered(sql), parameters)

    def run_many(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None:
        with self._db.cursor() as cursor:
            cursor.executemany(_numbered(sql), parameters)

    def alone(self) -> None:
        self._db.execute("LOCK TABLE series IN SHARE ROW EXCLUSIVE MODE")


def _numbered(sql: str) -> bytes:
    return sql.replace("?", "%s").encode()


class _OfThread:
    """A thread's connection: closed with the thread, with the store that nobody holds any more, or with the process."""

    def __init__(self, db: psycopg.Connection[Row]) -> None:
        self.db = db
        self.close = weakref.finalize(self, db.close)


class PostgresDatabase:
    """In a schema of its own (`kastellan_metrics`) beside Django's tables."""

    def __init__(self, url: str, schema: str = "kastellan_metrics") -> None:
        self._url, self._schema = url, schema
        self._local = threading.local()

    @contextmanager
    def read(self) -> Generator[Cursor]:
        db = self._connection()
        with db.transaction():
            db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield _PostgresCursor(db)

    @contextmanager
    def write(self) -> Generator[Cursor]:
        db = self._connection()
        with db.transaction():
            yield _PostgresCursor(db)

    def close(self) -> None:
        held: _OfThread | None = getattr(self._local, "held", None)
        if held is not None:
            held.close()
            self._local.held = None

    def size_bytes(self) -> int:
        tables = ("series", "layout", "scrape", "clock", "block")
        with self.read() as db:
            return sum(
                db.rows("SELECT pg_total_relation_size(?::regclass)", (name,))[0][0] for name in tables
            )

    def _connection(self) -> psycopg.Connection[Row]:
        held: _OfThread | None = getattr(self._local, "held", None)
        db = held.db if held is not None else None
        if db is None or db.closed:
            db = psycopg.connect(self._url, autocommit=True, connect_timeout=10)
            with db.transaction():
                # Two processes may make the tables at once: "IF NOT EXISTS" alone is a race there.
                db.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (self._schema,))
                schema = names.Identifier(self._schema)
                db.execute(names.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(schema))
                db.execute(names.SQL("SET search_path TO {}").format(schema))
                serial = "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"
                db.execute(_TABLES.format(serial=serial, bytes="BYTEA", clustered="").encode())
            # A `SET` inside a transaction lasts when it commits.
            self._local.held = _OfThread(db)
        return db
