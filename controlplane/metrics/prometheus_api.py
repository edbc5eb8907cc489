"""The Prometheus HTTP API over the embedded history: Grafana takes a cluster for a Prometheus data source.

Prometheus' documentation, "HTTP API"; shapes as of 3.x. GET, and POST as a form, as Grafana sends long queries.
`rules` and `alerts` of that API are in `alerts.prometheus_api`, under the same addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.http import HttpResponse, QueryDict
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from prometheus_client import CONTENT_TYPE_LATEST
from rest_framework import serializers
from rest_framework.parsers import FormParser
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.clusters.rest import ClusterApiView
from controlplane.core.access import Action
from controlplane.core.schema import ProblemSerializer
from controlplane.metrics import federation, query
from controlplane.metrics.helps import help_of
from controlplane.metrics.names import is_counter
from controlplane.metrics.prometheus_values import duration_ms, time_ms
from controlplane.metrics.promql import EvaluationError, Matcher, PromQLError, Result, to_json
from controlplane.metrics.views import now_ms

Labels = Mapping[str, str]
#: What Grafana decides its features by.
COMPATIBLE_VERSION = "3.1.0"
#: Of one scrape.
MOST_SELECTORS = 50


class BadData(Exception):
    """A parameter is missing or wrong."""


class AnswerSerializer(serializers.Serializer[Any]):
    """Prometheus' envelope; `data` is of the shape that its documentation gives for each address."""

    status = serializers.ChoiceField(choices=["success", "error"])
    data = serializers.JSONField(required=False)  # type: ignore[assignment]
    errorType = serializers.CharField(required=False)  # Prometheus' name
    error = serializers.CharField(required=False)
    warnings = serializers.ListField(child=serializers.CharField(), required=False)
    infos = serializers.ListField(child=serializers.CharField(), required=False)


#: Errors of a query in Prometheus' envelope; of the request itself (no rights, a key used twice) as everywhere.
ANSWERS = {
    (200, "application/json"): AnswerSerializer,
    **{(status, "application/json"): AnswerSerializer for status in (400, 422, 503)},
    **{(status, "application/problem+json"): ProblemSerializer for status in (400, 422, 503)},
}


def described(summary: str, *parameters: OpenApiParameter) -> Callable[[Any], Any]:
    return extend_schema(summary=summary, parameters=list(parameters), responses=ANSWERS)


def described_form(summary: str) -> Callable[[Any], Any]:
    form = {"application/x-www-form-urlencoded": OpenApiTypes.OBJECT}
    return extend_schema(summary=f"{summary} (parameters as a form)", request=form, responses=ANSWERS)


QUERY = OpenApiParameter("query", str, description="PromQL.")
TIME = OpenApiParameter("time", str, description="Unix seconds or RFC 3339; now without it.")
START = OpenApiParameter("start", str, description="Unix seconds or RFC 3339.")
END = OpenApiParameter("end", str)
STEP = OpenApiParameter("step", str, description="Seconds, or a duration like 1m.")
MATCH = OpenApiParameter("match[]", str, many=True, description="A selector; may be repeated.")
LIMIT = OpenApiParameter("limit", str, description="At most so many; 0 is no limit.")
METRIC = OpenApiParameter("metric", str)


class PrometheusView(ClusterApiView):
    """Errors in Prometheus' envelope. Parameters that we do not know are let pass, as Prometheus does."""

    checks_parameters = False
    parser_classes = (FormParser,)
    actions: ClassVar = {"GET": Action.METRICS_VIEW, "POST": Action.METRICS_VIEW}

    def handle_exception(self, exc: Exception) -> Response:
        match exc:
            case BadData() | PromQLError():
                text = f'invalid parameter "query": {exc}' if isinstance(exc, PromQLError) else str(exc)
                return _error(400, "bad_data", text)
            case query.TimedOut():
                return _error(503, "timeout", str(exc))
            case EvaluationError():
                return _error(422, "execution", str(exc))
        return super().handle_exception(exc)

    @property
    def values(self) -> QueryDict:
        """Of the address and, in a POST, of the form: the form first, as Go's ParseForm has it."""
        found = self.request.query_params.copy()
        if self.request.method == "POST" and isinstance(self.request.data, QueryDict):
            for name, many in self.request.data.lists():
                found.setlist(name, [*many, *found.getlist(name)])
        return found


def _error(status: int, kind: str, text: str) -> Response:
    return Response({"status": "error", "errorType": kind, "error": text}, status=status)


def success(data: Any, *, notes: Result | None = None) -> Response:
    body: dict[str, Any] = {"status": "success", "data": data}
    if notes is not None and notes.warnings:
        body["warnings"] = notes.warnings
    if notes is not None and notes.infos:
        body["infos"] = notes.infos
    return Response(body)


def first(values: QueryDict, name: str) -> str:
    return next(iter(values.getlist(name)), "")


def parsed(values: QueryDict, name: str, how: Callable[[str], int], default: int | None) -> int:
    text = first(values, name)
    if not text and default is not None:
        return default
    try:
        return how(text)
    except ValueError as error:
        raise BadData(f'invalid parameter "{name}": {error}') from error


def limited(values: QueryDict, rows: list[Any]) -> list[Any]:
    text = first(values, "limit") or "0"
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadData(f'invalid parameter "limit": cannot parse "{text[:40]}" to a whole number')
    return rows[: int(text)] if int(text) else rows


def evaluated(values: QueryDict, found: Result) -> Response:
    data, is_cut = cut(values, to_json(found))
    answer = success(data, notes=found)
    if is_cut:
        answer.data["warnings"] = [*answer.data.get("warnings", []), "results truncated due to limit"]
    return answer


def cut(values: QueryDict, data: Any) -> tuple[Any, bool]:
    """The answer with at most `limit` series, and whether that left some out."""
    rows = data["result"]
    if data["resultType"] not in ("vector", "matrix"):
        return data, False
    kept = limited(values, rows)
    return {**data, "result": kept}, len(kept) < len(rows)


def _options(values: QueryDict) -> dict[str, Any]:
    lookback = parsed(values, "lookback_delta", duration_ms, 0)
    if lookback < 0:
        raise BadData('invalid parameter "lookback_delta": it has to be positive')
    timeout = parsed(values, "timeout", duration_ms, int(query.TIMEOUT_S * 1000)) / 1000
    return {"lookback": lookback or None, "timeout": min(timeout, query.TIMEOUT_S)}


class QueryApi(PrometheusView):
    def _answer(self) -> Response:
        values = self.values
        at = parsed(values, "time", time_ms, now_ms())
        parsed_query = query.parse(first(values, "query"))
        found = query.evaluate(self.cluster.name, parsed_query, at, **_options(values))
        return evaluated(values, found)

    @described("Evaluate PromQL at one time", QUERY, TIME, LIMIT)
    def get(self, request: Request, cluster: str) -> Response:
        return self._answer()

    @described_form("Evaluate PromQL at one time")
    def post(self, request: Request, cluster: str) -> Response:
        return self._answer()


class QueryRangeApi(PrometheusView):
    def _answer(self) -> Response:
        values = self.values
        start, end = parsed(values, "start", time_ms, None), parsed(values, "end", time_ms, None)
        step = parsed(values, "step", duration_ms, None)
        parsed_query = query.parse(first(values, "query"))
        _check_range(start, end, step)
        found = query.evaluate_range(self.cluster.name, parsed_query, start, end, step, **_options(values))
        return evaluated(values, found)

    @described("Evaluate PromQL over a range", QUERY, START, END, STEP, LIMIT)
    def get(self, request: Request, cluster: str) -> Response:
        return self._answer()

    @described_form("Evaluate PromQL over a range")
    def post(self, request: Request, cluster: str) -> Response:
        return self._answer()


def _check_range(start: int, end: int, step: int) -> None:
    if end < start:
        raise BadData('invalid parameter "end": end timestamp must not be before start time')
    if step <= 0:
        raise BadData(
            'invalid parameter "step": zero or negative query resolution step widths are not accepted.'
            " Try a positive integer"
        )
    if (end - start) // step > 11_000:
        raise BadData(
            "exceeded maximum resolution of 11,000 points per timeseries."
            " Try decreasing the query resolution (?step=XX)"
        )


class SelectingView(PrometheusView):
    """`match[]` and a time range: which series."""

    def selected(self, values: QueryDict, *, needed: bool) -> list[Labels]:
        texts = values.getlist("match[]")
        if needed and not texts:
            raise BadData("no match[] parameter provided")
        start = parsed(values, "start", time_ms, 0)
        end = parsed(values, "end", time_ms, now_ms())
        groups = [_selector(text) for text in texts] or [()]
        found = {
            tuple(sorted(labels.items())): labels
            for matchers in groups
            for labels in query.known(self.cluster.name, matchers, start if "start" in values else None, end)
        }
        return [found[key] for key in sorted(found)]


def _selector(text: str) -> tuple[Matcher, ...]:
    try:
        matchers = query.selector(query.parse(text))
    except PromQLError as error:
        raise BadData(f'invalid parameter "match[]": {error}') from error
    if matchers is None:
        raise BadData(f'invalid parameter "match[]": {text!r} is no series selector')
    return matchers


class SeriesApi(SelectingView):
    def _answer(self) -> Response:
        values = self.values
        return success(limited(values, [dict(each) for each in self.selected(values, needed=True)]))

    @described("Find series", MATCH, START, END, LIMIT)
    def get(self, request: Request, cluster: str) -> Response:
        return self._answer()

    @described_form("Find series")
    def post(self, request: Request, cluster: str) -> Response:
        return self._answer()


class LabelsApi(SelectingView):
    def _answer(self) -> Response:
        values = self.values
        found = {name for labels in self.selected(values, needed=False) for name in labels}
        return success(limited(values, sorted(found)))

    @described("List label names", MATCH, START, END, LIMIT)
    def get(self, request: Request, cluster: str) -> Response:
        return self._answer()

    @described_form("List label names")
    def post(self, request: Request, cluster: str) -> Response:
        return self._answer()


class LabelValuesApi(SelectingView):
    actions: ClassVar = {"GET": Action.METRICS_VIEW}

    @described("List the values of a label", MATCH, START, END, LIMIT)
    def get(self, request: Request, cluster: str, label: str) -> Response:
        values = self.values
        found = {labels[label] for labels in self.selected(values, needed=False) if labels.get(label)}
        return success(limited(values, sorted(found)))


class MetadataApi(PrometheusView):
    actions: ClassVar = {"GET": Action.METRICS_VIEW}

    @described("Types and help of metrics", METRIC, LIMIT)
    def get(self, request: Request, cluster: str) -> Response:
        values = self.values
        wanted = first(values, "metric")
        known = query.metric_names(self.cluster.name, now_ms())
        names = [each for each in known if not wanted or each == wanted]
        return success({name: [_metadata(name)] for name in limited(values, names)})


def _metadata(name: str) -> dict[str, str]:
    return {"type": "counter" if is_counter(name) else "gauge", "help": help_of(name), "unit": ""}


class BuildInfoApi(PrometheusView):
    """The version of Prometheus whose API this is: Grafana decides by it what it may ask."""

    actions: ClassVar = {"GET": Action.METRICS_VIEW}

    @described("Which Prometheus this answers as")
    def get(self, request: Request, cluster: str) -> Response:
        unknown = dict.fromkeys(("revision", "branch", "buildDate", "goVersion"), "")
        return success({"version": COMPATIBLE_VERSION, "buildUser": "kastellan", **unknown})


class ExemplarsApi(PrometheusView):
    """Kafka gives no exemplars: always an empty list."""

    @described("List exemplars", QUERY, START, END)
    def get(self, request: Request, cluster: str) -> Response:
        return success([])

    @described_form("List exemplars")
    def post(self, request: Request, cluster: str) -> Response:
        return success([])


class FederateApi(SelectingView):
    """Prometheus' `/federate`; without `match[]` it is what kafka_exporter gives, and Kastellan's own metrics."""

    actions: ClassVar = {"GET": Action.METRICS_VIEW}

    @extend_schema(
        summary="The newest sample of each series, as Prometheus text",
        parameters=[MATCH],
        responses={
            **{key: value for key, value in ANSWERS.items() if key[0] != 200},
            (200, "text/plain"): OpenApiTypes.STR,
        },
    )
    def get(self, request: Request, cluster: str) -> HttpResponse:
        texts = self.values.getlist("match[]")
        if len(texts) > MOST_SELECTORS:
            raise BadData(f"at most {MOST_SELECTORS} match[] parameters")
        wanted = [_selector(text) for text in texts]
        body = federation.exposition(self.cluster.name, wanted, now_ms())
        return HttpResponse(body, content_type=CONTENT_TYPE_LATEST)
