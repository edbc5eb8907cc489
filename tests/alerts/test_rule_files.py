"""Prometheus' rule files: what an import does rule by rule, what promtool says of an export, and both in a round."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from controlplane.accounts.models import RoleGrant, User
from controlplane.alerts import shipped
from controlplane.alerts.logic import documents, rule_files
from controlplane.alerts.models import Beat, Rule
from controlplane.alerts.services import importing
from controlplane.core import durations
from controlplane.core.access import Role
from tests.alerts import real
from tests.alerts.scene import Scene, cluster, rule
from tests.conftest import Api

AWESOME = Path(__file__).parent / "awesome"
ApiOf = Callable[[Role], Api]
FILE = """
groups:
  - name: kafka
    interval: 30s
    rules:
      - alert: Lag
        expr: |
          sum by (consumergroup) (kafka_consumergroup_lag) > 10000
        for: 5m
        labels: {severity: warning, tier: 1}
        annotations: {summary: "{{ $labels.consumergroup }} is behind"}
      - {alert: Same, expr: up == 0, labels: {severity: critical}}
      - {record: "job:lag", expr: "sum(lag)"}
      - {alert: Broken, expr: "sum("}
      - {alert: Odd, expr: up, unknown: 1}
      - {alert: Lag, expr: up == 2}
      - {alert: Templated, expr: up, annotations: {summary: "{{ nonsense }}"}}
  - name: other
    rules: [{alert: Taken, expr: up, for: 1m}, {alert: Mine, expr: up > 1, for: 1m, keep_firing_for: 2m}]
"""


@pytest.fixture
def some(scene: Scene) -> Scene:
    rule("Same", group="kafka", expr="up == 0", annotations={})
    rule("Taken", group="other", expr="up", cluster="main")
    rule("Mine", group="other", expr="up > 1", enabled=False)
    return scene


def test_an_import_is_a_plan_that_says_what_becomes_of_each_rule(some: Scene, api: ApiOf) -> None:
    plan = api(Role.OPERATOR)("POST", "alerts/rules/import/?dry_run=true", {"text": FILE}).json()
    assert [(each["kind"], each["name"]) for each in plan["steps"]] == [("create", "Lag"), ("alter", "Mine")]
    assert len(plan["warnings"]) == 7
    assert not Rule.objects.filter(name="Lag").exists()


def test_reasons_are_told_rule_by_rule(some: Scene) -> None:
    found = importing.read(FILE, "")
    reasons = dict(found.skipped)
    assert [each.rule.name for each in found.create] == ["Lag"]
    assert [each.rule.name for each in found.update] == ["Mine"]
    for name, part in (
        ("kafka / Same", "the same already"), ("kafka / job:lag", "recording rule"), ("kafka / Broken", "expr:"),
        ("kafka / rule 5", "no field 'unknown'"), ("kafka / Lag", "twice"), ("kafka / Templated", "annotations:"),
        ("other / Taken", "for another cluster"),
    ):  # fmt: skip
        assert part in reasons.pop(name)
    assert reasons == {}


def test_what_was_planned_is_done_and_what_is_off_stays_off(some: Scene, api: ApiOf) -> None:
    olga = api(Role.OPERATOR)
    done = olga("POST", "alerts/rules/import/", {"text": FILE})
    assert done.status_code == 200, done.content
    assert (done.json()["created"], done.json()["updated"]) == (["Lag"], ["Mine"])
    made = Rule.objects.get(name="Lag")
    assert (made.labels, made.cluster, made.hold.total_seconds()) == (
        {"severity": "warning", "tier": "1"},
        "",
        300,
    )
    assert Rule.objects.get(name="Mine").enabled is False
    again = olga("POST", "alerts/rules/import/", {"text": FILE})
    assert again.status_code == 409 or again.status_code == 422, again.content


def test_a_plan_from_before_a_change_is_refused(some: Scene, api: ApiOf) -> None:
    olga = api(Role.OPERATOR)
    tag = olga("POST", "alerts/rules/import/?dry_run=true", {"text": FILE}).headers["ETag"]
    Rule.objects.filter(name="Mine").update(expr="up > 7")
    late = olga("POST", "alerts/rules/import/", {"text": FILE}, **{"If-Match": tag})
    assert late.status_code == 412


def test_who_may_not_edit_rules_may_not_import_them(some: Scene, api: ApiOf) -> None:
    assert api(Role.VIEWER)("POST", "alerts/rules/import/", {"text": FILE}).status_code == 403


@pytest.mark.parametrize(
    "text", ["[]", "groups: {}", "{", "groups: [{rules: []}]", "groups: [{name: a}, {name: a}]"]
)
def test_what_is_no_rule_file_is_refused_at_its_field(text: str, some: Scene, api: ApiOf) -> None:
    answer = api(Role.OPERATOR)("POST", "alerts/rules/import/", {"text": text})
    assert answer.status_code in (400, 422)
    assert "text" in answer.json()["errors"]


def test_strimzis_resource_is_a_rule_file_too(some: Scene) -> None:
    wrapped = documents.write(
        {"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "spec": documents.read(FILE)}
    )
    assert rule_files.parse(wrapped) == rule_files.parse(FILE)


def test_the_shipped_rules_go_out_and_come_back_the_same(scene: Scene) -> None:
    Beat.objects.update(shipped="")
    shipped.sync(scene.now)
    text = importing.export(["main"])
    found = importing.read(text, "")
    assert (found.create, found.update) == ((), ())
    assert {why for _, why in found.skipped} == {"It is the same already."}


def exported(api: Api, query: str) -> set[str]:
    answer = api("GET", f"alerts/rules/export/{query}")
    assert answer.status_code == 200, answer.content
    return {each.name for each in rule_files.parse(answer.content.decode())}


def test_an_export_has_the_rules_that_hold_for_a_cluster_or_all_that_one_may_see(
    scene: Scene, api: ApiOf
) -> None:
    Beat.objects.update(shipped="")
    shipped.sync(scene.now)
    came_along = set(Rule.objects.filter(enabled=True).values_list("name", flat=True))
    cluster("dr")
    cluster("elsewhere")
    rule("OfAll")
    rule("OfMain", cluster="main")
    rule("OfDr", cluster="dr")
    rule("Hidden", cluster="elsewhere")
    rule("Off", enabled=False)
    vera = api(Role.VIEWER)
    assert exported(vera, "?cluster=main") == came_along | {"OfAll", "OfMain"}
    assert exported(vera, "?cluster=main&own=true") == {"OfAll", "OfMain"}
    assert exported(vera, "?own=true") == {"OfAll", "OfMain", "OfDr", "Hidden"}
    RoleGrant.objects.filter(user__username="vera").delete()
    for name in ("main", "dr"):
        RoleGrant.objects.create(user=User.objects.get(username="vera"), cluster=name, role=Role.VIEWER)
    assert exported(vera, "?own=true") == {"OfAll", "OfMain", "OfDr"}
    assert vera("GET", "alerts/rules/export/?cluster=elsewhere").status_code == 403


@real.needs("promtool")
def test_promtool_takes_the_export(some: Scene, api: ApiOf, tmp_path: Path) -> None:
    Beat.objects.update(shipped="")
    shipped.sync(some.now)
    answer = api(Role.VIEWER)("GET", "alerts/rules/export/?cluster=main")
    assert answer.status_code == 200
    (tmp_path / "rules.yml").write_bytes(answer.content)
    content, said = real.run("promtool", "check", "rules", tmp_path / "rules.yml")
    assert content, said


@real.needs("promtool")
def test_what_promtool_takes_we_can_read_and_the_other_way_round(tmp_path: Path) -> None:
    for text in (
        FILE,
        "groups: [{name: a, rules: [{alert: A, expr: up, labels: {a: no, b: 010, c: 1.50}}]}]",
    ):
        parsed = rule_files.parse(text)
        written = rule_files.write([each for each in parsed if not each.problem and not each.recording])
        again = rule_files.parse(written)
        assert again == [each for each in parsed if not each.problem and not each.recording]


@pytest.mark.parametrize("name", ["danielqsj-kafka-exporter", "linkedin-kafka-exporter"])
def test_the_rules_that_people_share_come_in_whole_and_go_out_unchanged(
    name: str, scene: Scene, api: ApiOf, tmp_path: Path
) -> None:
    """AL-8: awesome-prometheus-alerts for Kafka, in the form that they are published in."""
    text = (AWESOME / f"{name}.yml").read_text()
    wanted = rule_files.parse(text)
    answer = api(Role.ADMIN)("POST", "alerts/rules/import/", {"text": text, "cluster": "main"})
    assert answer.status_code in (200, 201), answer.content
    assert Rule.objects.filter(cluster="main").count() == len(wanted) > 1
    given = {group["name"]: group["rules"] for group in documents.read(text)["groups"]}
    out = api(Role.VIEWER)("GET", "alerts/rules/export/?cluster=main").content.decode()
    got = {group["name"]: group["rules"] for group in documents.read(out)["groups"]}
    for group, rules in given.items():
        # Rules of a group do not depend on each other's order unless they record, and none does.
        named = {each["alert"]: plain(each) for each in got[group]}
        assert named == {each["alert"]: plain(each) for each in rules}
    if shutil.which("promtool"):
        (tmp_path / "rules.yml").write_text(out)
        content, said = real.run("promtool", "check", "rules", tmp_path / "rules.yml")
        assert content, said


def plain(rule: dict[str, Any]) -> dict[str, Any]:
    """Without what says nothing: `for: 0m` is no `for`, a minute is sixty seconds."""
    found = {name: value for name, value in rule.items() if name not in ("for", "keep_firing_for")}
    times = {name: durations.parse(str(rule.get(name, "0s"))) for name in ("for", "keep_firing_for")}
    return {**found, **times, "expr": " ".join(rule["expr"].split())}


def test_a_file_is_imported_and_exported_in_the_browser(
    some: Scene, client: Client, users: dict[Role, User]
) -> None:
    client.force_login(users[Role.OPERATOR])
    path = "/clusters/main/alerts/rules/+import/"
    assert client.get(path).status_code == 200
    data: dict[str, Any] = {"text": FILE, "everywhere": "on"}
    review = client.post(path, data).content.decode()
    assert "is skipped" in review
    found = re.search(r'name="digest" value="([^"]+)"', review)
    assert found
    assert client.post(path, {**data, "digest": found[1]}).status_code == 303
    assert Rule.objects.filter(name="Lag").exists()
    assert client.post(path, {"text": "[]"}).status_code == 422
    assert b"groups:" in client.get("/clusters/main/alerts/rules/+export/").content
