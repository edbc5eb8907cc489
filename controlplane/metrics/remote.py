"""A Prometheus-compatible server that has a cluster's metrics: whole expressions go there, nothing is stored here.

Whole, and not their samples: the server has indexes, thinned data and a cache for exactly this, and a month of a board
would otherwise be fetched raw to be evaluated here. Each expression is parsed by us first and printed anew from its tree
(`promql.printing`), every selector bound to the cluster's labels, so that nobody reads another cluster's series through
the rights on this one, whatever dialect the server speaks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import numpy as np

from controlplane.gateways.errors import BadAnswer, DeadlineExceeded, GatewayError
from controlplane.metrics.logic.sources import SourceRequest
from controlplane.metrics.models import MetricSource, SourceKind
from controlplane.metrics.promql import EvaluationError, Matcher, Query, Result
from controlplane.metrics.promql.model import Series
from controlplane.metrics.promql.printing import matchers_of, text_of
from controlplane.metrics.promql.tree import Selector
from controlplane.metrics.sources import authorization, check_status, outbound_for, request_of, secret_of

MOST_BYTES = 64_000_000
#: What is known of series and names is asked over so long, where nobody says over which time.
LOOK_BACK_S = 3600
Params = list[tuple[str, str]]


class ServerFailed(EvaluationError):
    """The server did not answer, or not as Prometheus does."""


class TimedOut(EvaluationError):
    """An evaluation, here or there, took longer than it may."""


@dataclass(frozen=True, slots=True)
class Server:
    request: SourceRequest
    secret: str = field(default="", repr=False)

    @property
    def only(self) -> Mapping[str, str]:
        return self.request.matchers

    def instant(self, query: Query, at: int, *, lookback: int | None, timeout: float) -> Result:
        params = [("query", text_of(query.ast, self.only)), ("time", _seconds(at))]
        return _result(self._ask("query", [*params, *_lookback(lookback)], timeout))

    def ranged(
        self, query: Query, start: int, end: int, step: int, *, lookback: int | None, timeout: float
    ) -> Result:
        params = [
            ("query", text_of(query.ast, self.only)),
            ("start", _seconds(start)),
            ("end", _seconds(end)),
            ("step", _seconds(step)),
        ]
        return _result(self._ask("query_range", [*params, *_lookback(lookback)], timeout))

    def known(
        self, matchers: tuple[Matcher, ...], start: int | None, end: int, timeout: float
    ) -> list[dict[str, str]]:
        """Labels of series that had samples in the time, of the last hour where none is given."""
        text = text_of(Selector(0, matchers), self.only) if matchers else matchers_of(self.only)
        data = self._ask("series", [("match[]", text), *_period(start, end)], timeout)
        return [{str(key): str(value) for key, value in each.items()} for each in _rows(data)]

    def names(self, end: int, timeout: float) -> tuple[str, ...]:
        params = [("match[]", matchers_of(self.only)), *_period(None, end)]
        data = self._ask("label/__name__/values", params, timeout, form=False)
        return tuple(sorted(map(str, data if isinstance(data, list) else ())))

    def _ask(self, path: str, params: Params, timeout: float, *, form: bool = True) -> Any:
        """`data` of the answer. By POST, since an expression may be longer than an address."""
        (base,) = self.request.urls
        url, body = f"{base.rstrip('/')}/api/v1/{path}", urlencode(params)
        headers = authorization(self.request.username, self.secret)
        try:
            outbound = outbound_for(self.request, base)
            if form:
                headers["Content-Type"] = "application/x-www-form-urlencoded"
                answer = outbound.request(
                    "POST",
                    url,
                    headers=headers,
                    content=body.encode(),
                    timeout_s=timeout,
                    max_bytes=MOST_BYTES,
                )
            else:
                answer = outbound.request(
                    "GET", f"{url}?{body}", headers=headers, timeout_s=timeout, max_bytes=MOST_BYTES
                )
            return _data(answer.status, answer.body, url)
        except DeadlineExceeded as error:
            raise TimedOut("query timed out in expression evaluation") from error
        except GatewayError as error:
            raise ServerFailed(str(error)) from error


def _data(status: int, body: bytes, url: str) -> Any:
    try:
        found = json.loads(body)
        failed = found["status"] != "success"
    except (ValueError, KeyError, TypeError) as error:
        check_status(status, url)
        raise BadAnswer(f"{url} did not answer as Prometheus does") from error
    if failed:
        raise ServerFailed(str(found.get("error", f"it answered {status}"))[:1000])
    return found.get("data")


def _result(data: Any) -> Result:
    try:
        return READERS[data["resultType"]](data["result"])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ServerFailed("The server did not answer as Prometheus does") from error


def _vector(rows: Any) -> Result:
    return Result("vector", [_series(each["metric"], [each["value"]]) for each in rows])


def _matrix(rows: Any) -> Result:
    return Result("matrix", [_series(each["metric"], each["values"]) for each in rows])


def _scalar(pair: Any) -> Result:
    return Result("scalar", at=round(float(pair[0]) * 1000), value=float(pair[1]))


def _text(pair: Any) -> Result:
    return Result("string", at=round(float(pair[0]) * 1000), text=str(pair[1]))


READERS: Mapping[str, Callable[[Any], Result]] = {
    "vector": _vector,
    "matrix": _matrix,
    "scalar": _scalar,
    "string": _text,
}


def _series(labels: Mapping[str, str], pairs: Any) -> Series:
    times = np.array([round(float(at) * 1000) for at, _ in pairs], dtype=np.int64)
    return Series(
        {str(key): str(value) for key, value in labels.items()},
        times,
        np.array([float(value) for _, value in pairs], dtype=np.float64),
    )


def _rows(data: Any) -> list[Mapping[str, Any]]:
    return [each for each in data if isinstance(each, Mapping)] if isinstance(data, list) else []


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.3f}"


def _lookback(lookback: int | None) -> Params:
    return [("lookback_delta", f"{lookback}ms")] if lookback else []


def _period(start: int | None, end: int) -> Params:
    return [("start", _seconds(end - LOOK_BACK_S * 1000 if start is None else start)), ("end", _seconds(end))]


def server_of(cluster: str) -> Server | None:
    """Where the cluster's metrics are; None where they are stored here."""
    row = MetricSource.objects.filter(cluster__name=cluster, kind=SourceKind.SERVER).first()
    return Server(request_of(row), secret_of(row)) if row is not None else None
