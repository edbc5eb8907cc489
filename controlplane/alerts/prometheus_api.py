"""`rules` and `alerts` of the Prometheus HTTP API: Grafana lists them beside the data source's metrics.

Prometheus' documentation, "Rules" and "Alerts"; shapes as of 3.x. They stand under the addresses of `metrics`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django.db.models import Prefetch
from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.alerts import selectors
from controlplane.alerts.logic import prometheus
from controlplane.alerts.logic.prometheus import Document, RuleView
from controlplane.alerts.models import Alert, Evaluation, Rule
from controlplane.core.access import Action
from controlplane.metrics import query
from controlplane.metrics.prometheus_api import BadData, PrometheusView, described, first, success
from controlplane.metrics.promql import Matcher, PromQLError

TYPE = OpenApiParameter("type", str, description="`alert` or `record`: only rules of this type.")
RULE_NAME = OpenApiParameter(
    "rule_name[]", str, many=True, description="Only rules of this name; may be repeated."
)
RULE_GROUP = OpenApiParameter(
    "rule_group[]", str, many=True, description="Only rules of this group; may be repeated."
)
FILE = OpenApiParameter("file[]", str, many=True, description="Only rules of this file; may be repeated.")
MATCH = OpenApiParameter(
    "match[]", str, many=True, description="A selector of the rules' labels; may be repeated."
)
EXCLUDE = OpenApiParameter("exclude_alerts", str, description="`true`: rules without their alerts.")
LIMIT = OpenApiParameter("group_limit", str, description="At most so many groups; `groupNextToken` leads on.")
TOKEN = OpenApiParameter("group_next_token", str, description="Goes on where the last answer ended.")
TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE = frozenset({"", "0", "f", "F", "FALSE", "false", "False"})


class RulesApi(PrometheusView):
    actions: ClassVar = {"GET": Action.ALERT_VIEW}

    @described("List alerting rules", TYPE, RULE_NAME, RULE_GROUP, FILE, MATCH, EXCLUDE, LIMIT, TOKEN)
    def get(self, request: Request, cluster: str) -> Response:
        values = self.values
        kind = first(values, "type").lower()
        if kind not in ("", "alert", "record"):
            raise BadData(f'invalid parameter "type": not supported value "{first(values, "type")}"')
        sets = [_matchers(text) for text in values.getlist("match[]")]
        with_alerts = not _flag(values, "exclude_alerts")
        limit, token = _limit(values), first(values, "group_next_token")
        rules = () if kind == "record" else _rules(self.cluster.name)
        chosen = [each for each in rules if _is_wanted(each, values, sets)]
        return success(_paged(prometheus.groups(chosen, with_alerts=with_alerts), limit, token))


class AlertsApi(PrometheusView):
    actions: ClassVar = {"GET": Action.ALERT_VIEW}

    @described("List active alerts")
    def get(self, request: Request, cluster: str) -> Response:
        found = selectors.alerts([self.cluster.name]).filter(resolved_at=None).order_by("active_at", "pk")
        return success({"alerts": [prometheus.alert(_instance(each)) for each in found]})


def _rules(cluster: str) -> list[RuleView]:
    opened = Alert.objects.filter(resolved_at=None, cluster=cluster).order_by("active_at", "pk")
    evaluations = Evaluation.objects.filter(cluster=cluster)
    rules = Rule.objects.filter(enabled=True, cluster__in=("", cluster)).prefetch_related(
        Prefetch("alerts", opened), Prefetch("evaluations", evaluations)
    )
    return [_view(rule) for rule in rules]


def _view(rule: Rule) -> RuleView:
    last = next(iter(rule.evaluations.all()), None)
    return RuleView(
        name=rule.name,
        group=rule.group,
        cluster=rule.cluster,
        expr=rule.expr,
        hold_s=rule.hold.total_seconds(),
        keep_s=rule.keep_firing.total_seconds(),
        labels=rule.labels,
        annotations=rule.annotations,
        alerts=tuple(_instance(each) for each in rule.alerts.all()),
        evaluated_at=last.evaluated_at if last else None,
        took_s=last.duration_ms / 1000 if last else 0.0,
        error=last.error if last else "",
    )


def _instance(row: Alert) -> prometheus.AlertView:
    return prometheus.AlertView(
        row.labels, row.annotations, row.state, row.active_at, row.keep_since, float(row.value)
    )


def _is_wanted(rule: RuleView, values: QueryDict, sets: list[tuple[Matcher, ...]]) -> bool:
    for name, own in (("rule_name[]", rule.name), ("rule_group[]", rule.group), ("file[]", rule.file)):
        wanted = values.getlist(name)
        if wanted and own not in wanted:
            return False
    # What a template makes of a label is not known before there is an alert.
    fixed = {name: value for name, value in rule.labels.items() if "{{" not in value}
    return not sets or any(_matches(matchers, fixed) for matchers in sets)


def _matches(matchers: Iterable[Matcher], labels: dict[str, str]) -> bool:
    return all(each.matches(labels.get(each.name, "")) for each in matchers)


def _matchers(text: str) -> tuple[Matcher, ...]:
    try:
        found = query.selector(query.parse(text))
    except PromQLError as error:
        raise BadData(f'invalid parameter "match[]": {error}') from error
    if found is None:
        raise BadData(f'invalid parameter "match[]": {text!r} is no series selector')
    return found


def _flag(values: QueryDict, name: str) -> bool:
    text = first(values, name)
    if text not in TRUE | FALSE:
        raise BadData(
            f'invalid parameter "{name}": error converting {name}: parsing "{text}": invalid syntax'
        )
    return text in TRUE


def _limit(values: QueryDict) -> int:
    text = first(values, "group_limit")
    if "group_next_token" in values and not text:
        raise BadData(
            'invalid parameter "group_limit": group_limit needs to be present in order to paginate over the groups'
        )
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise BadData('invalid parameter "group_limit": group_limit needs to be greater than 0')
    return int(text)


def _paged(groups: list[Document], limit: int, token: str) -> Document:
    """The token is that of the first group of the next page."""
    start = 0
    if token:
        places = [place for place, each in enumerate(groups) if prometheus.token_of(each) == token]
        if not places:
            raise BadData(
                f'invalid parameter "group_next_token": invalid group_next_token "{token[:100]}". were rule groups changed?'
            )
        start = places[0]
    ends = start + limit if limit else len(groups)
    found: dict[str, Any] = {"groups": groups[start:ends]}
    return found | ({"groupNextToken": prometheus.token_of(groups[ends])} if ends < len(groups) else {})
