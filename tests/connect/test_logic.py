"""Connectors as values: what a bundled worker may not be told, what plans say, how settings are read."""

from __future__ import annotations

import pytest
from django import forms
from hypothesis import given
from hypothesis import strategies as st

from controlplane.connect.forms import settings_of
from controlplane.connect.logic import confinement, reaching, topics
from controlplane.connect.logic.confinement import name_refusal, refusals, relative
from controlplane.connect.logic.plans import (
    ConnectorAct,
    Known,
    TopicUse,
    Wanted,
    plan_act,
    plan_delete,
    plan_put,
    plan_reset_offsets,
)
from controlplane.core.plans import Risk
from controlplane.gateways.addresses import NOTHING, Allowed

FILE = {"connector.class": "FileStreamSource", "file": "in.txt", "topic": "t"}


@pytest.mark.parametrize(
    ("path", "fine"),
    [
        ("in.txt", True),
        ("below/in.txt", True),
        ("./in.txt", True),
        ("../in.txt", False),
        ("a/../../in.txt", False),
        ("/etc/passwd", False),
        ("", False),
        (".", False),
        ("a\0b", False),
    ],
)
def test_a_path_only_leads_down(path: str, fine: bool) -> None:
    assert relative(path) is fine


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({"connection.url": "jdbc:postgresql://kim@a:5432,b:5433/shop?sslmode=x"}, {"a", "b"}),
        ({"connection.url": "jdbc:postgresql://a,b/shop"}, {"a", "b"}),
        ({"database.hostname": "db.intern", "database.port": "5432"}, {"db.intern"}),
        ({"acme.where": "10.0.0.1"}, {"10.0.0.1"}),
        ({"acme.where": "localhost"}, {"localhost"}),
        ({"acme.where": "[::1]:9092"}, {"[::1]"}),
        ({"acme.where": "0:9092;2130706433:80"}, {"0", "2130706433"}),
        ({"acme.where": "http://127.1/x"}, {"127.1"}),
        ({"source.cluster.bootstrap.servers": "a:9092, b:9092"}, {"a", "b"}),
        ({"table.include.list": "public.orders,public.items", "tasks.max": "1"}, set()),
        ({"at": "10:30", "ratio": "0.5", "connector.class": "org.example.Sink"}, set()),
        ({"acme.where": ":9092"}, {""}),
        ({"acme.where": "[localhost]:9092"}, {"localhost"}),
        ({"acme.where": "::ffff:127.0.0.1:9092"}, {"127.0.0.1", "[::ffff:127.0.0.1]"}),
        ({"acme.where": "::1:9092"}, {"[::1]"}),
        ({"acme.where": "tcp:127.0.0.1:80"}, {"127.0.0.1"}),
        ({"acme.where": "tcp:evil:80"}, {"evil"}),
        ({"acme.where": "localhost:"}, {"localhost"}),
        ({"url": "jdbc:postgresql:db"}, {""}),
        ({"url": "jdbc:postgresql:///db"}, {""}),
        ({"url": "jdbc:postgresql://?user=a"}, {""}),
        ({"url": "jdbc:sqlserver://;databaseName=x"}, {""}),
        ({"url": "jdbc:oracle:thin:@db:1521:orcl"}, {"db"}),
        ({"serverName": "evil.example"}, {"evil.example"}),
        ({"password": "${file:/data/connector-a.properties:host:1}"}, set()),
    ],
)
def test_hosts_that_settings_name(config: dict[str, str], found: set[str]) -> None:
    assert reaching.hosts(config) == found


@pytest.mark.parametrize(
    ("host", "stands_for", "own"),
    [
        ("localhost", (), True),
        ("x.localhost", (), True),
        ("127.0.0.1", (), True),
        ("127.1", (), True),
        ("2130706433", (), True),
        ("0", (), True),
        ("[::1]", (), True),
        ("[::ffff:127.0.0.1]", (), True),
        ("169.254.169.254", (), True),
        ("evil.example", ("127.0.0.1",), True),
        ("evil.example", ("198.41.0.4", "::1"), True),
        ("db.intern", ("10.0.0.7",), False),
        ("192.168.1.7", (), False),
        ("[fd00::7]", (), False),
        ("db.example", ("198.41.0.4",), False),
        ("unknown.example", (), False),
    ],
)
def test_addresses_of_this_machine_are_not_everybodys(
    host: str, stands_for: tuple[str, ...], own: bool
) -> None:
    assert reaching.is_own(host, stands_for, NOTHING) is own


def test_an_installation_may_allow_addresses_of_its_own() -> None:
    allowed = Allowed.of(["127.0.0.1/32", "localhost"])
    assert not reaching.is_own("localhost", (), allowed)
    assert not reaching.is_own("127.0.0.1", (), allowed)
    assert reaching.is_own("127.0.0.2", (), allowed)


@given(st.text(max_size=30))
def test_whatever_is_typed_leads_down_or_is_refused(path: str) -> None:
    if relative(path):
        assert not path.startswith("/")
        assert ".." not in path.split("/")


@pytest.mark.parametrize(
    ("config", "code"),
    [
        (FILE, None),
        ({**FILE, "file": "/etc/passwd"}, "file"),
        ({**FILE, "file": ""}, "file"),
        (
            {
                **FILE,
                "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
                "file": "../x",
            },
            "file",
        ),
        ({"connector.class": "x.Y", "file": "/elsewhere"}, None),
        ({"connector.class": "x.Y", "password": "${file:/run/a.properties:b}"}, None),
        ({"connector.class": "x.Y", "password": "${env:HOME}"}, "reference"),
        ({"connector.class": "x.Y", "a": "${directory:/etc:passwd}"}, "reference"),
        (
            {"connector.class": "x.Y", "a": "x ${file:/data/credentials/flow-main-dr.properties:p}"},
            "reference",
        ),
        (
            {"connector.class": "x.Y", "a": "${file:/data/flow-a.properties/../flow-b.properties/.:p}"},
            "reference",
        ),
        ({"connector.class": "x.Y", "a": "${file:/flow-x/own.properties:flow-p}"}, None),
        ({"connector.class": "x.Y", "a": "${file:/data/flow-a.properties/x/..:p}"}, "reference"),
        ({"connector.class": "x.Y", "a": "${file:/data/connector-a.properties/./:p}"}, "reference"),
        ({"connector.class": "x.Y", "a": "${a.b:/etc/x:p}"}, "reference"),
        ({"connector.class": "x.Y", "a": "${ file:/etc/x:p}"}, "reference"),
        ({"connector.class": "x.Y", "source.consumer.config.providers": "a.b"}, "providers"),
        ({"connector.class": "x.Y", "producer.override.config.providers.f.class": "z"}, "providers"),
        ({"connector.class": "x.Y", "config.providers": "env"}, "providers"),
        ({**FILE, "file": "a\x01b"}, "control"),
        ({**FILE, "file": " /etc/passwd"}, "file"),
        ({**FILE, "file": "\n/etc/passwd"}, "file"),
        ({**FILE, "connector.class": "\tFileStreamSource ", "file": "/etc/passwd"}, "file"),
        ({**FILE, "file": "${file:/data/own.properties:path}"}, "reference"),
        ({"connector.class": "${file:/data/own.properties:class}"}, "reference"),
        ({"connector.class": "x.Y", "a": "b\x0b/etc"}, "control"),
        ({"connector.class": "x.Y", "a\x7f": "b"}, "control"),
        ({"connector.class": "x.Y", "ssl.keystore.key": "-----BEGIN\r\n\tx"}, None),
        ({"connector.class": "x.Y", "config.providers.env.class": "z"}, "providers"),
    ],
)
def test_what_a_worker_on_this_machine_is_not_told(config: dict[str, str], code: str | None) -> None:
    found = refusals(config, lambda path: True)
    assert [refusal.code for refusal in found] == ([code] if code else [])


def test_what_kafka_trims_leads_out_all_the_same() -> None:
    codes = [each.code for each in refusals({**FILE, "file": "\x01/etc/passwd"}, lambda path: True)]
    assert codes == ["control", "file"]


def test_a_link_that_leads_out_is_refused() -> None:
    assert [refusal.code for refusal in refusals(FILE, lambda path: False)] == ["file"]


@pytest.mark.parametrize(
    ("name", "fine"),
    [
        ("a", True),
        ("main->dr.source", True),
        ("a/b", False),
        ("..", False),
        ("", False),
        ("a%2Fb", False),
        ("a" * 200, True),
        ("a" * 201, False),
    ],
)
def test_names_that_the_worker_can_be_asked_for(name: str, fine: bool) -> None:
    assert (name_refusal(name) is None) is fine


def test_a_name_that_is_too_long_is_said_by_its_length() -> None:
    assert "The name has 300 characters" in str(name_refusal("a" * 300))


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"topic": "lines"}, None),
        ({"topic": "bad topic!"}, "config_topic"),
        ({"topic": "a" * 250}, "config_topic"),
        ({"topics": "a, b ,"}, None),
        ({"topics": "a,.."}, "config_topics"),
        ({"topic": "${table}"}, None),
        ({"errors.deadletterqueue.topic.name": "dead letters"}, "config_errors.deadletterqueue.topic.name"),
        (
            {"connector.class": "org.apache.kafka.connect.mirror.MirrorSourceConnector", "topics": ".*"},
            None,
        ),
    ],
)
def test_topics_that_kafka_would_never_take(config: dict[str, str], code: str | None) -> None:
    assert [each.code for each in topics.refusals(config)] == ([code] if code else [])


KNOWN = Known("c", {"a": "1", "secret": "[hidden]"}, "print-1", "RUNNING", ("RUNNING", "FAILED"), "source")


def wanted(config: dict[str, str], stored: str = "print-2", **more: object) -> Wanted:
    return Wanted("c", config, stored, more.pop("errors", {}), **more)  # type: ignore[arg-type]


def test_a_change_is_a_line_for_each_setting() -> None:
    plan = plan_put(
        wanted({"a": "2", "secret": "[hidden]", "b": "x"}), KNOWN, cluster="main", connect="bundled"
    )
    assert [(c.field, c.before, c.after) for c in plan.steps[0].changes] == [
        ("a", "1", "2"),
        ("b", None, "x"),
    ]
    assert plan.risk is Risk.DISRUPTIVE
    assert "restart" in plan.warnings[0]


def test_a_secret_that_changes_is_said_and_not_shown() -> None:
    plan = plan_put(wanted(dict(KNOWN.config)), KNOWN, cluster="main", connect="bundled")
    assert [(c.field, c.after) for c in plan.steps[0].changes] == [("secrets", "changed")]
    same = plan_put(wanted(dict(KNOWN.config), "print-1"), KNOWN, cluster="main", connect="bundled")
    assert [refusal.code for refusal in same.refusals] == ["nothing"]


def test_what_the_plugin_says_refuses() -> None:
    plan = plan_put(
        wanted({"a": "1"}, errors={"topic": ["Missing required configuration"]}),
        None,
        cluster="main",
        connect="bundled",
    )
    assert [refusal.code for refusal in plan.refusals] == ["config_topic"]


def test_a_topic_that_nobody_makes_is_warned_of() -> None:
    use = (TopicUse("lines", exists=False, writes=True),)
    assert (
        "lines does not exist"
        in plan_put(wanted({"topic": "lines"}, topics=use), None, cluster="main", connect="bundled").warnings[
            0
        ]
    )
    made = {
        "topic": "lines",
        "topic.creation.default.replication.factor": "-1",
        "topic.creation.default.partitions": "1",
    }
    assert plan_put(wanted(made, topics=use), None, cluster="main", connect="bundled").warnings == ()


def test_a_right_that_is_lacking_is_warned_of() -> None:
    asked = wanted(FILE, rights=("User:w lacks Write on the topic t",))
    plan = plan_put(asked, None, cluster="main", connect="bundled")
    assert "User:w lacks Write on the topic t: give it under ACLs first, or tasks fail." in plan.warnings
    assert plan.allowed


@pytest.mark.parametrize(
    ("act", "state", "tasks", "code"),
    [
        (ConnectorAct.PAUSE, "RUNNING", ("RUNNING",), None),
        (ConnectorAct.PAUSE, "PAUSED", ("PAUSED",), "nothing"),
        (ConnectorAct.STOP, "STOPPED", (), "nothing"),
        (ConnectorAct.RESUME, "PAUSED", (), None),
        (ConnectorAct.RESUME, "RUNNING", (), "nothing"),
        (ConnectorAct.RESTART, "RUNNING", ("RUNNING",), None),
        (ConnectorAct.RESTART_FAILED, "RUNNING", ("RUNNING",), "nothing"),
        (ConnectorAct.RESTART_FAILED, "RUNNING", ("FAILED",), None),
        (ConnectorAct.RESTART_FAILED, "FAILED", (), None),
    ],
)
def test_what_an_act_is_refused_for(
    act: ConnectorAct, state: str, tasks: tuple[str, ...], code: str | None
) -> None:
    plan = plan_act(act, Known("c", {}, "p", state, tasks), cluster="main", connect="bundled")
    assert [refusal.code for refusal in plan.refusals] == ([code] if code else [])


def test_a_restart_names_the_tasks_that_failed_and_nothing_that_runs() -> None:
    known = Known("c", {}, "print", "RUNNING", ("RUNNING", "FAILED", "FAILED"))
    plan = plan_act(ConnectorAct.RESTART_FAILED, known, cluster="main", connect="bundled")
    assert [(c.field, c.before, c.after) for c in plan.steps[0].changes] == [
        ("task 1", "FAILED", "restarted"),
        ("task 2", "FAILED", "restarted"),
    ]
    whole = plan_act(ConnectorAct.RESTART, known, cluster="main", connect="bundled")
    assert [(c.field, c.before, c.after) for c in whole.steps[0].changes] == [
        ("state", "RUNNING", "restarted")
    ]


def test_deleting_and_forgetting_ask_for_the_name() -> None:
    assert plan_delete(KNOWN, cluster="main", connect="bundled").confirm_name == "c"
    plan = plan_reset_offsets(KNOWN, [("filename in.txt", "position 3")], cluster="main", connect="bundled")
    assert [refusal.code for refusal in plan.refusals] == ["not_stopped"]
    stopped = Known("c", {}, "p", "STOPPED", (), "source")
    assert (
        "records come twice"
        in plan_reset_offsets(stopped, [("a", "b")], cluster="main", connect="bundled").warnings[0]
    )
    assert [r.code for r in plan_reset_offsets(stopped, [], cluster="main", connect="bundled").refusals] == [
        "nothing"
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": "x", "b": 1, "c": true, "d": null}', {"a": "x", "b": "1", "c": "true"}),
        ('{"name": "n", "config": {"a": "x", "name": "n"}}', {"a": "x"}),
    ],
)
def test_both_shapes_are_read(text: str, found: dict[str, str]) -> None:
    assert settings_of(text) == found


@pytest.mark.parametrize("text", ["", "no", "[]", "{}", '{"a": {"b": 1}}', '{"a": [1]}', "[" * 100_000])
def test_what_is_no_object_of_settings_is_said(text: str) -> None:
    with pytest.raises(forms.ValidationError):
        settings_of(text)


@pytest.mark.parametrize(
    ("changed", "moved"),
    [
        ({}, ()),
        ({"topics": "b"}, ()),
        ({"connection.url": "jdbc:x://evil/"}, ("connection.url",)),
        ({"connection.url": "jdbc:x://u:[hidden]@db/"}, ()),
        ({"database.hostname": "evil"}, ("database.hostname",)),
        ({"connector.class": "x.Other"}, ("connector.class",)),
        ({"source.cluster.bootstrap.servers": "evil:9092"}, ("source.cluster.bootstrap.servers",)),
        ({"transforms": "host", "transforms.host.field": "x"}, ()),
        ({"transforms.host.type": "x"}, ("transforms.host.type",)),
        ({"transforms.e.base.url": "https://evil/"}, ("transforms.e.base.url",)),
        ({"value.converter": "x.Y"}, ("value.converter",)),
        ({"value.converter.schemas.enable": "false", "errors.tolerance": "all"}, ()),
        ({"storage.endpoint.suffix": "evil"}, ("storage.endpoint.suffix",)),
        ({"database.ssl.mode": "disabled"}, ("database.ssl.mode",)),
        ({"acme.tls.verify": "false"}, ("acme.tls.verify",)),
        ({"insert.mode": "upsert", "topic.prefix": "x", "errors.log.enable": "true"}, ()),
        ({"acme.nodes": "evil"}, ("acme.nodes",)),
        ({"brokerlist": "evil"}, ("brokerlist",)),
        ({"srv": "evil.example"}, ("srv",)),
        ({"acme.anything": "evil"}, ("acme.anything",)),
        ({"acme.port": "1"}, ("acme.port",)),
        ({"acme.where": "2130706433"}, ("acme.where",)),
        ({"password": "new", "connection.password": "new"}, ()),
        ({"acme.token.url": "evil"}, ("acme.token.url",)),
        ({"acme.where": "evil:9092"}, ("acme.where",)),
        ({"serverName": "evil"}, ("serverName",)),
        ({"acme.where": "x://evil"}, ("acme.where",)),
        ({"acme.where": "10.0.0.1"}, ("acme.where",)),
        ({"acme.where": "127.1"}, ("acme.where",)),
        ({"acme.where": "[::1]"}, ("acme.where",)),
        ({"acme.user": "kim"}, ("acme.user",)),
        ({"table.include.list": "public.orders", "column.exclude.list": "a", "tasks.max": "9"}, ()),
        ({"poll.interval.ms": "5000", "acme.format": "yyyy-MM-dd HH:mm", "acme.fast": "true"}, ()),
        ({"hosts.of.nobody.include.list": "x"}, ("hosts.of.nobody.include.list",)),
    ],
)
def test_where_a_connector_connects_to(changed: dict[str, str], moved: tuple[str, ...]) -> None:
    before = {"connector.class": "x.Y", "connection.url": "jdbc:x://u:p@db/", "topics": "a"}
    assert confinement.moved(before, {**before, **changed}) == moved
    assert confinement.moved({}, changed) == ()


@pytest.mark.parametrize(
    ("changed", "left"),
    [
        ({}, ("", "e", "v")),
        ({"connection.url": "jdbc:x://evil/"}, ("e", "v")),
        ({"transforms.e.base.url": "https://evil/"}, ("", "v")),
        ({"transforms.e.x.y": "evil"}, ("", "v")),
        ({"transforms.new.type": "x.Router", "transforms": "e,new"}, ("", "e", "v")),
        ({"value.converter": "x.Y"}, ("", "e")),
        ({"value.converter.schema.registry.url": "https://evil/"}, ("", "e")),
        ({"connector.class": "x.Other"}, ()),
    ],
)
def test_a_secret_stays_where_what_it_is_told_to_leads_as_before(
    changed: dict[str, str], left: tuple[str, ...]
) -> None:
    secrets = {
        "": "my.password",
        "e": "transforms.e.access.token",
        "v": "value.converter.basic.auth.user.info",
    }
    before = {"connector.class": "x.Y", "transforms": "e", **dict.fromkeys(secrets.values(), "s")}
    stays = confinement.staying(before, {**before, **dict.fromkeys(secrets.values(), "[hidden]"), **changed})
    assert {each for each, name in secrets.items() if name in stays} == set(left)


@pytest.mark.parametrize(
    ("value", "leads_out"),
    [
        ("jdbc:postgresql://h:5432/db", False),
        ("jdbc:postgresql:///db", True),
        ("jdbc:postgresql://h/db?user=x&sslkey=/etc/k", True),
        ("jdbc:postgresql://h/db?sslkey=%2Fetc%2Fk", True),
        ("jdbc:postgresql://h/db?sslkey=%252Fetc%252Fk", True),
        ("/etc/passwd", True),
        ("jdbc:sqlite://etc/x.db", True),
        ("jdbc:h2:mem:x", True),
        ("jdbc:sqlserver://h:1433;databaseName=x", False),
        ("netdoc:///etc/x", True),
        ("x:///etc/passwd", True),
        ("//etc/passwd", True),
        ("\n/etc/passwd", True),
        ("a=%25252Fetc", True),
        ("~/key", True),
        ("../../x", True),
        ("a/../b", True),
        ("a/..", True),
        ("http://h/path", False),
        ("file:///etc/passwd", True),
        ("FILE:key", True),
        ("${file:/data/credentials/x.properties:key}", False),
        ("x ${file:/data/credentials/x.properties:key} /etc", True),
        ('required keyTab="/etc/krb";', True),
        ('required username="a" password="b/c";', False),
        ("s3://bucket/dir", False),
        ("data/x.txt", False),
        ("topic.(.*)", False),
        ("yyyy/MM/dd", False),
    ],
)
def test_settings_that_name_files_of_the_machine_are_told(value: str, leads_out: bool) -> None:
    config = {"connector.class": "org.example.Sink", "some.setting": value}
    assert confinement.names_files(config) is leads_out


@pytest.mark.parametrize(
    ("config", "codes"),
    [
        ({"topics": "orders,kastellan-connect-configs"}, ["config_topics"]),
        ({"topics": "kastellan-connect-0a1b2c3d-offsets"}, ["config_topics"]),
        ({"topics.regex": ".*"}, ["config_topics.regex"]),
        ({"topics.regex": "(kastellan|x).*"}, ["config_topics.regex"]),
        ({"topics.regex": "(?!kastellan-connect-).*"}, []),
        ({"topics.regex": "orders.*"}, []),
        ({"topics.regex": "("}, ["config_topics.regex"]),
        ({"topics": "__consumer_offsets"}, []),
    ],
)
def test_a_connector_keeps_off_the_topics_of_workers(config: dict[str, str], codes: list[str]) -> None:
    assert [each.code for each in topics.refusals({"connector.class": "org.example.Sink", **config})] == codes
