"""The examples of the manual on a real PostgreSQL: a table is captured into a topic by Debezium, and the topic becomes a table
in another database through the JDBC sink. Both plugins come by their coordinates. Slow: 40 MB are downloaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import psycopg
import pytest

from broker.connect_spec import ConnectSpec
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import refresh
from controlplane.core.access import Role
from controlplane.gateways import plugins as gateway
from controlplane.gateways import workers
from controlplane.jobs import services as jobs
from tests.conftest import Api
from tests.postgres import PostgresServer, logical_postgres
from tests.waiting import eventually

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
PLUGINS = "clusters/main/connect-worker/plugins/"
CONNECTORS = "clusters/main/connect/bundled/connectors/"
VERSION = "3.3.1.Final"
JSON = "org.apache.kafka.connect.json.JsonConverter"
#: The sink needs to know the types of what it writes.
WITH_SCHEMAS = {
    f"{part}.converter{suffix}": value
    for part in ("key", "value")
    for suffix, value in (("", JSON), (".schemas.enable", "true"))
}


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with logical_postgres() as made:
        yield made


@pytest.fixture
def anna(api: Callable[[Role], Api], cluster: Cluster, connect_worker: ConnectSpec) -> Iterator[Api]:
    call = api(Role.ADMIN)
    yield call
    for row in call("GET", CONNECTORS).json()["results"]:
        call("DELETE", f"{CONNECTORS}{row['name']}/", If_Match="*")
    for plugin in gateway.installed("main"):
        gateway.remove("main", plugin.name)


def finished(job: str) -> Any:
    done = jobs.run(job)
    assert done is not None
    done.refresh_from_db()
    assert done.state == "succeeded", (done.error, done.hint, done.steps)
    return done.result


def install(call: Api, name: str) -> None:
    coordinates = f"io.debezium:debezium-connector-{name}:tar.gz:plugin:{VERSION}"
    staged = finished(call("POST", PLUGINS, {"coordinates": coordinates}).json()["job"])["staged"]
    plan = call("POST", f"{PLUGINS}staged/{staged}/install/?dry_run=true")
    assert plan.json()["allowed"], plan.json()["refusals"]
    answer = call("POST", f"{PLUGINS}staged/{staged}/install/", If_Match=plan["ETag"])
    finished(answer.json()["job"])


def put(call: Api, name: str, config: dict[str, str]) -> None:
    answer = call("PUT", f"{CONNECTORS}{name}/", {"config": {**config, **WITH_SCHEMAS}})
    assert answer.status_code == 200, answer.content


def runs(call: Api, name: str) -> bool:
    found = call("GET", f"{CONNECTORS}{name}/").json()
    assert found["state"] != "FAILED", found
    return [task["state"] for task in found["tasks"]] == ["RUNNING"]


def test_a_table_becomes_a_topic_becomes_a_table(
    anna: Api, cluster: Cluster, server: PostgresServer, make_topic: Callable[..., str], prefix: str
) -> None:
    with psycopg.connect(server.url("shop"), autocommit=True) as shop:
        shop.execute("CREATE TABLE orders (id int PRIMARY KEY, customer text, total numeric(10,2))")
        shop.execute("INSERT INTO orders VALUES (1, 'ada', 10.50), (2, 'bob', 20)")
        for name in ("postgres", "jdbc"):
            install(anna, name)
        topic = make_topic(f"{prefix}.public.orders", 1)
        refresh(cluster)
        put(
            anna,
            f"{prefix}-capture",
            {
                "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
                "database.hostname": "127.0.0.1",
                "database.port": str(server.port),
                "database.user": server.user,
                "database.password": server.password,
                "database.dbname": "shop",
                "topic.prefix": prefix,
                "table.include.list": "public.orders",
                "plugin.name": "pgoutput",
                "decimal.handling.mode": "string",
            },
        )
        put(
            anna,
            f"{prefix}-load",
            {
                "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
                "topics": topic,
                "connection.url": f"jdbc:postgresql://127.0.0.1:{server.port}/warehouse",
                "connection.username": server.user,
                "connection.password": server.password,
                "insert.mode": "upsert",
                "delete.enabled": "true",
                "primary.key.mode": "record_key",
                "schema.evolution": "basic",
                "collection.name.format": "orders",
            },
        )
        worker = workers.worker_of("main")
        assert worker is not None
        for name, setting in (
            (f"{prefix}-capture", "database.password"),
            (f"{prefix}-load", "connection.password"),
        ):
            eventually(partial(runs, anna, name), timeout=120)
            assert workers.rest_api(worker).config(name)[setting].startswith("${file:")
        shop.execute("UPDATE orders SET total = 11.25 WHERE id = 1")
        shop.execute("DELETE FROM orders WHERE id = 2")
        shop.execute("INSERT INTO orders VALUES (3, 'cyd', 7)")
        with psycopg.connect(server.url("warehouse"), autocommit=True) as warehouse:
            expected = [(1, "ada", "11.25"), (3, "cyd", "7.00")]
            eventually(lambda: rows(warehouse) == expected, timeout=120)


def rows(warehouse: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    """Before the first record there is no table."""
    if warehouse.execute("SELECT to_regclass('orders')").fetchone() == (None,):
        return []
    return warehouse.execute("SELECT id, customer, total FROM orders ORDER BY id").fetchall()
