"""What is said to a driver beside where its database is: a table of what operators write, and of what makes drivers do more."""

from __future__ import annotations

import pytest

from controlplane.connect.logic import reaching
from controlplane.connect.logic.drivers import says_more

ORACLE = "jdbc:oracle:thin:@(DESCRIPTION=(ADDRESS=(PROTOCOL={})(HOST=db.example.com)(PORT=1521))(CONNECT_DATA=(SERVICE_NAME=x)))"


@pytest.mark.parametrize(
    "value",
    [
        "jdbc:postgresql://db.example.com:5432/shop",
        "jdbc:postgresql://a:5432,b:5432/shop?user=kim&ssl=true&sslmode=verify-full&currentSchema=x&ApplicationName=y",
        "jdbc:mysql://db.example.com/shop?useSSL=true&serverTimezone=UTC&rewriteBatchedStatements=true",
        "jdbc:mysql://address=(protocol=tcp)(host=db.example.com)(port=3306)/shop",
        "jdbc:sqlserver://db.example.com:1433;databaseName=shop;encrypt=true;trustServerCertificate=true;",
        "jdbc:oracle:thin:@//db.example.com:1521/shop",
        ORACLE.format("TCP"),
        "https://example.com/search?q=1&jump=2",
        "org.apache.kafka.common.security.scram.ScramLoginModule required username=a password=b;",
    ],
)
def test_what_people_write_takes_no_admin(value: str) -> None:
    assert not says_more({"connection.url": value})


@pytest.mark.parametrize(
    "value",
    [
        "jdbc:mysql://evil.example/x?allowLoadLocalInfile=true",
        "jdbc:mysql://evil.example/x?allowLoadLocalInfil%65=true",
        "jdbc:mysql://evil.example/x?allowLoadLocalInfil%2565=true",
        "jdbc:mysql://evil.example/x?useSSL=true& ALLOWLOADLOCALINFILE =true",
        "jdbc:mysql://(host=evil.example,port=3306,allowUrlInLocalInfile=true)/x",
        "jdbc:mysql://address=(host=evil.example)(autoDeserialize=true)/x",
        "jdbc:mysql://address=(protocol=pipe)(path=x)/x",
        "jdbc:postgresql://db.example.com/x?PGHOST=127.1&PGPORT=1",
        "jdbc:postgresql://db.example.com/x?socketFactory=org.example.X&socketFactoryArg=y",
        "jdbc:postgresql://db.example.com/x?ssl=true&loggerFile=x",
        "JDBC:sqlserver://db.example.com;serverName=vm;portNumber=1",
        "jdbc:sqlserver://db.example.com;trustManagerClass=x",
        "jdbc:sqlserver://db.example.com;server=vm;portNumber=1",
        "jdbc:sqlserver://db.example.com:1;server=vm",
        "jdbc:postgresql://db.example.com/x?host=vm&port=1",
        "jdbc:postgresql://db.example.com/x?port=1",
        "jdbc:oracle:thin:@config-https://evil.example/x",
        "jdbc:oracle:thin:@shop?TNS_ADMIN=here",
        ORACLE.format("BEQ"),
        "x jdbc:mysql://evil.example/x?somethingNew",
        "com.sun.security.auth.module.JndiLoginModule required;",
        "ldap://evil.example/x",
    ],
)
def test_what_a_driver_may_be_made_to_do_takes_one(value: str) -> None:
    assert says_more({"connection.url": value})
    assert says_more({"some.other": value})


@pytest.mark.parametrize(
    ("name", "value", "more"),
    [
        ("connection.url", "https://es.example.com:9200", False),
        ("connection.username", "kim", False),
        ("connection.pool.max_size", "5", False),
        ("connection.backoff.ms", "5", False),
        ("connection.allowLoadLocalInfile", "true", True),
        ("connection.somethingNew", "x", True),
        ("database.hostname", "db.example.com", False),
        ("database.server.id", "7", False),
        ("database.ssl.mode", "required", False),
        ("database.dbname", "shop", False),
        ("database.initial.statements", "SET a=1; SET b=2", False),
        ("database.include.list", "shop_(a|b)", False),
        ("database.allowloadlocalinfile", "true", True),
        ("database.somethingnew", "true", True),
        ("database.oracle.net.wallet_location", "x", True),
        ("database.hostname", "evil.example/x?a=b#", True),
        ("database.dbname", "x%3Fa=b", True),
        ("driver.connectTimeout", "5", False),
        ("driver.socketFactory", "x", True),
        ("driver.anything", "x", True),
        ("hibernate.connection.allowLoadLocalInfile", "true", True),
        ("java.naming.provider.url", "x", True),
        ("acme.properties", "a=b;allowLoadLocalInfile=true", True),
        ("transforms.x.type", "org.apache.kafka.connect.transforms.RegexRouter", False),
        ("tasks.max", "5", False),
        ("schema.history.internal.kafka.bootstrap.servers", "a:9092", False),
    ],
)
def test_settings_that_a_connector_passes_on(name: str, value: str, more: bool) -> None:
    assert says_more({name: value}) is more


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("jdbc:postgresql://%6cocalhost/x", "localhost"),
        ("jdbc:oracle:thin:@(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=127.1)(PORT=1)))", "127.1"),
        ("jdbc:mysql://address=(protocol=tcp)(port=1)(host=vm)/x", "vm"),
    ],
)
def test_a_host_is_seen_however_it_is_written(value: str, host: str) -> None:
    assert host in reaching.hosts({"connection.url": value})
