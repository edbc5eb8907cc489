"""Where the metrics of an external cluster come from: plan, apply, and a try that says what would be found there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone
from django.utils.module_loading import import_string

from controlplane.audit.services import operation
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action, Actor
from controlplane.core.errors import Invalid, NotFound, StateChanged
from controlplane.core.plans import (
    ApiCall,
    Change,
    Json,
    Plan,
    PlanStep,
    Refusal,
    Risk,
    StepKind,
    api_path,
    state_digest,
)
from controlplane.core.secrets import encrypt
from controlplane.gateways.errors import GatewayError
from controlplane.metrics import query
from controlplane.metrics.boards import BOARDS
from controlplane.metrics.charts import filled
from controlplane.metrics.logic import sources as logic
from controlplane.metrics.logic.sources import SERVER, SourceRequest
from controlplane.metrics.models import MetricSource
from controlplane.metrics.promql import EvaluationError
from controlplane.metrics.remote import Server
from controlplane.metrics.sources import request_of, row_of, secret_context, secret_of, text_source

#: Name of who reads metrics → the metrics it needs.
Readers = Callable[[], Mapping[str, frozenset[str]]]
TRY_TIMEOUT_S = 8.0
#: Brokers that a try asks.
MOST_TRIED = 12


@dataclass(frozen=True, slots=True)
class OfBroker:
    broker: int
    samples: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """`known` are metrics that charts or rules read; `empty_charts` and `empty_rules` read none of what was found."""

    brokers: tuple[OfBroker, ...]
    series: int
    known: tuple[str, ...]
    empty_charts: tuple[str, ...]
    empty_rules: tuple[str, ...]
    error: str = ""

    @property
    def ok(self) -> bool:
        return not self.error and bool(self.known) and not any(each.error for each in self.brokers)


def source_row(cluster: Cluster) -> MetricSource:
    row = row_of(cluster)
    if row is None:
        raise NotFound(
            f"{cluster.title} has no source of metrics", hint="Set one; a bundled cluster needs none."
        )
    return row


def digest_of(cluster: Cluster, row: MetricSource | None) -> str:
    return state_digest({"source": _document(row), "version": row.version if row else 0, "of": cluster.name})


def _document(row: MetricSource | None) -> dict[str, str | None]:
    return logic.document(request_of(row), secret=bool(row.secret)) if row else {}


def check(cluster: Cluster, request: SourceRequest) -> None:
    row = row_of(cluster)
    found = logic.problems(
        request, timezone.now(), request_of(row) if row else None, held=bool(row and row.secret)
    )
    if found:
        raise Invalid(fields=found)


def _keeps(row: MetricSource | None, request: SourceRequest) -> bool:
    return row is not None and logic.keeps_secret(request_of(row), bool(row.secret), request)


def plan_set(cluster: Cluster, request: SourceRequest) -> Plan:
    row = row_of(cluster)
    if not cluster.external:
        return _plan(cluster, None, {}, [], refusals=[_bundled(cluster)])
    check(cluster, request)
    secret = bool(request.secret) or _keeps(row, request)
    replaced = [Change("secret", "sealed", "replaced")] if row and row.secret and request.secret else []
    return _plan(
        cluster, row, logic.document(request, secret=secret), replaced, warnings=_warnings(row, request)
    )


def plan_unset(cluster: Cluster) -> Plan:
    if not cluster.external:
        return _plan(cluster, None, {}, [], refusals=[_bundled(cluster)])
    return _plan(cluster, source_row(cluster), {}, [])


def _bundled(cluster: Cluster) -> Refusal:
    return Refusal("bundled", f"{cluster.title} is a bundled cluster", "Its brokers' own agents are read.")


def _warnings(row: MetricSource | None, request: SourceRequest) -> tuple[str, ...]:
    found = []
    secret = request.secret or (row and row.secret)
    if secret and any("http://" in url for url in request.urls):
        found.append("Plain http: whoever is on the way reads the secret.")
    if request.kind == SERVER and not request.matchers:
        found.append(
            "Without a label to tell this cluster's series from others, all that the server has is shown as its own."
        )
    if request.kind == SERVER:
        found.append(
            "Nothing of this cluster is kept here any more, not its lag either: the server has to have it."
        )
    if request.allow_private:
        found.append("Private and loopback addresses are allowed for its metrics.")
    return tuple(found)


def _plan(
    cluster: Cluster,
    row: MetricSource | None,
    after: Mapping[str, str | None],
    replaced: list[Change],
    *,
    warnings: tuple[str, ...] = (),
    refusals: Iterable[Refusal] = (),
) -> Plan:
    before = _document(row)
    changes = [
        Change(name, before.get(name), after.get(name))
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    ]
    kind = StepKind.CREATE if row is None else StepKind.ALTER if after else StepKind.DELETE
    title = f"{'Set' if after else 'Remove'} the source of metrics of {cluster.name}"
    steps = (PlanStep(kind, "source of metrics", cluster.name, (*changes, *replaced)),)
    return Plan(
        action=Action.CLUSTER_MANAGE,
        title=title,
        apply_label=title,
        cluster=cluster.name,
        steps=steps if changes or replaced else (),
        risk=Risk.REVERSIBLE,
        digest=digest_of(cluster, row),
        warnings=warnings,
        refusals=tuple(refusals),
        undo="Set it back; a secret has to be given again.",
        api=ApiCall("DELETE", api_path(cluster.name, "metrics", "source")) if not after else None,
    )


def apply_set(actor: Actor, cluster: Cluster, request: SourceRequest, plan: Plan) -> MetricSource:
    with _changing(actor, cluster, plan) as row:
        kept = row.secret if row and _keeps(row, request) else ""
        saved = row or MetricSource(cluster=cluster, version=0)
        saved.kind, saved.urls, saved.matchers = request.kind, "\n".join(request.urls), dict(request.matchers)
        saved.username, saved.allow_private, saved.secret = request.username, request.allow_private, kept
        saved.ca_pem = request.ca_pem
        saved.version += 1
        saved.save()
        if request.secret:
            saved.secret = encrypt(request.secret, context=secret_context(saved))
            saved.save(update_fields=["secret"])
    return saved


def apply_unset(actor: Actor, cluster: Cluster, plan: Plan) -> None:
    with _changing(actor, cluster, plan) as row:
        if row is not None:
            row.delete()


@contextmanager
def _changing(actor: Actor, cluster: Cluster, plan: Plan) -> Iterator[MetricSource | None]:
    """One transaction with the audit's row, in which the state is still the planned one."""
    before: Json = dict(_document(row_of(cluster)))
    with operation(
        actor,
        Action.CLUSTER_MANAGE,
        cluster=cluster.name,
        target="metrics",
        plan=plan,
        before=before,
        atomic=True,
    ):
        Cluster.objects.select_for_update().get(pk=cluster.pk)
        row = row_of(cluster)
        if digest_of(cluster, row) != plan.digest:
            raise StateChanged("The source of metrics was changed a moment ago by somebody else")
        yield row


def try_source(cluster: Cluster, request: SourceRequest) -> Tried:
    """What would be read: nothing is stored."""
    check(cluster, request)
    row = row_of(cluster)
    secret = request.secret or (secret_of(row) if row and _keeps(row, request) else "")
    return _try_server(request, secret) if request.kind == SERVER else _try_text(cluster, request, secret)


def _try_text(cluster: Cluster, request: SourceRequest, secret: str) -> Tried:
    source = text_source(cluster, request, secret)
    brokers, names, series = [], set[str](), 0
    for broker in source.targets()[:MOST_TRIED]:
        try:
            samples = source.read(broker)
        except GatewayError as error:
            brokers.append(OfBroker(broker, 0, str(error)))
            continue
        brokers.append(OfBroker(broker, len(samples)))
        names |= {each.name for each in samples}
        series += len(samples)
    return _tried(names | {"up"}, series, tuple(brokers), by_protocol=True)


def _try_server(request: SourceRequest, secret: str) -> Tried:
    try:
        names = Server(request, secret).names(time.time_ns() // 1_000_000, TRY_TIMEOUT_S)
    except EvaluationError as error:
        return Tried((), 0, (), (), (), str(error))
    return _tried(set(names), len(names), (), by_protocol=False)


def _tried(names: set[str], series: int, brokers: tuple[OfBroker, ...], *, by_protocol: bool) -> Tried:
    charts, rules = _of_charts(), _of_rules()
    wanted = frozenset[str]().union(*charts.values(), *rules.values())

    def is_there(name: str) -> bool:
        return name in names or (by_protocol and _by_protocol(name))

    def empty(readers: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
        return tuple(who for who, needs in readers.items() if needs and not all(map(is_there, needs)))

    return Tried(brokers, series, tuple(sorted(names & wanted)), empty(charts), empty(rules))


def _by_protocol(name: str) -> bool:
    """Metrics that we read over Kafka's protocol, whatever the exporter says."""
    ours = ("kastellan_", "kafka_topic_partition", "kafka_consumergroup_", "kafka_brokers")
    return name.startswith(ours)


def _of_charts() -> dict[str, frozenset[str]]:
    """Chart → its metrics, by the title of its board and its own."""
    found = {}
    for board in BOARDS.values():
        for chart in board.charts:
            texts = [filled(line.expr, 60_000, {}) for line in chart.lines]
            names = {each.name for text in texts for each in query.parse(text).selectors()}
            found[f"{board.title}: {chart.title}"] = frozenset(names)
    return found


def _of_rules() -> dict[str, frozenset[str]]:
    readers: list[Readers] = [import_string(path) for path in settings.METRIC_READERS]
    return {name: needs for read in readers for name, needs in read().items()}
