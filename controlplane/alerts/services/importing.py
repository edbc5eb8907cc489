"""Import and export of Prometheus rule files. One plan for the file, one transaction, one operation."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.db.models import Q
from django.utils import timezone

from controlplane.alerts.logic import rule_files, rule_imports
from controlplane.alerts.logic.documents import BadDocument
from controlplane.alerts.logic.rule_files import FileRule
from controlplane.alerts.logic.rule_imports import Imported, Key, Present, Wanted
from controlplane.alerts.models import Rule
from controlplane.alerts.services import permits, ruling
from controlplane.alerts.services.ruling import RuleRequest
from controlplane.alerts.services.testing import file_rule
from controlplane.audit.services import operation
from controlplane.core.access import Action, Actor
from controlplane.core.errors import Conflict, Invalid
from controlplane.core.plans import Json, Plan

LONGEST_NAME = {"group": 100, "alert": 200}


def export(clusters: Collection[str], *, shipped: bool = True) -> str:
    """The rules that hold for these clusters: those of every cluster, and those bound to one of them; none that is off."""
    found = Rule.objects.filter(Q(cluster="") | Q(cluster__in=clusters), enabled=True)
    return rule_files.write(file_rule(row) for row in (found if shipped else found.filter(shipped=False)))


def read(text: str, cluster: str) -> Imported:
    """Raises Invalid where the file as a whole cannot be read."""
    permits.known_cluster(cluster)
    try:
        rules = rule_files.parse(text)
    except BadDocument as error:
        raise Invalid(fields={"text": [f"{error}."]}) from error
    known = present()
    return rule_imports.sort((_wanted(each, cluster, known) for each in rules), known, cluster)


def present() -> dict[Key, Present]:
    return {
        (row.group, row.name): Present(ruling.document_of(row), row.cluster) for row in Rule.objects.all()
    }


def _wanted(each: FileRule, cluster: str, known: Mapping[Key, Present]) -> Wanted:
    request = _request(each, cluster)
    problems = [f"{each.problem}."] if each.problem else [] if each.recording else _problems(request)
    # A file does not say whether a rule is on: one that is off stays off.
    before = known.get((each.group, each.name))
    enabled = before.document["enabled"] if before else True
    return Wanted(each, {**ruling.document_of(request), "enabled": enabled}, tuple(problems))


def _request(each: FileRule, cluster: str) -> RuleRequest:
    return RuleRequest(
        each.name, each.expr, each.hold, each.keep_firing, each.labels, each.annotations, each.group, cluster
    )


def _problems(request: RuleRequest) -> list[str]:
    try:
        ruling.check(request)
    except Invalid as error:
        return [f"{name}: {text}" for name, texts in error.fields.items() for text in texts]
    found = (("group", request.group), ("alert", request.name))
    return [
        f"{name}: 1 to {LONGEST_NAME[name]} characters in one line."
        for name, text in found
        if not 0 < len(text) <= LONGEST_NAME[name] or any(ord(char) < 32 or ord(char) == 127 for char in text)
    ]


def plan(actor: Actor, text: str, cluster: str) -> Plan:
    permits.require(actor, Action.ALERT_EDIT_RULES, cluster)
    return rule_imports.plan(read(text, cluster), present(), cluster)


def apply(actor: Actor, text: str, cluster: str, plan: Plan) -> Imported:
    found, now = read(text, cluster), timezone.now()
    before: dict[str, Json] = {
        "/".join(each.key): dict(ruling.document_of(_row(each))) for each in found.update
    }
    with operation(
        actor, plan.action, cluster=cluster or None, target="rule file", plan=plan, before=before, atomic=True
    ):
        for each in found.create:
            columns = ruling.columns_of(_request(each.rule, cluster))
            Rule.objects.create(**columns, owner=actor.name[:240], created_at=now, updated_at=now)
        for each in found.update:
            row = _row(each)
            columns = ruling.columns_of(_request(each.rule, cluster)) | {"enabled": row.enabled}
            same = Rule.objects.filter(pk=row.pk, version=row.version)
            if same.update(**columns, version=row.version + 1, edited=True, updated_at=now) != 1:
                raise Conflict(f"{row.name} was changed by somebody else meanwhile", "Look at it again.")
    return found


def _row(each: Wanted) -> Rule:
    return Rule.objects.get(group=each.rule.group, name=each.rule.name)
