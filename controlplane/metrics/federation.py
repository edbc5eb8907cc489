"""The present of a cluster as Prometheus text, for those who scrape; and how a Prometheus is told to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from prometheus_client import generate_latest
from prometheus_client.core import Metric

from controlplane.metrics import visibility
from controlplane.metrics.helps import help_of
from controlplane.metrics.promql import Matcher
from controlplane.metrics.promql.matchers import chosen
from controlplane.metrics.promql.model import LOOKBACK_MS, is_stale
from controlplane.metrics.selectors import store
from controlplane.metrics.store import Series

#: Without a selector: what the Kafka protocol gives, under kafka_exporter's names, and what is Kastellan's own.
DEFAULT = (Matcher("__name__", "=~", "kafka_(brokers|broker_info|topic_.+|consumergroup_.+)|kastellan_.+"),)


@dataclass
class _Latest:
    """What `generate_latest` collects."""

    metrics: list[Metric] = field(default_factory=list)

    def collect(self) -> Iterable[Metric]:
        return self.metrics


def exposition(cluster: str, selectors: Sequence[tuple[Matcher, ...]], now: int) -> bytes:
    """The newest sample of each series that passes one of the selectors, with its time; what has ended is left out."""
    found: dict[str, dict[tuple[tuple[str, str], ...], Series]] = defaultdict(dict)
    kept = visibility.keep(cluster)
    for matchers in selectors or (DEFAULT,):
        for series in store().fetch(cluster, *chosen(matchers), now - LOOKBACK_MS, now):
            if kept(series.labels) and not is_stale(series.values[-1:])[0]:
                found[series.labels["__name__"]][tuple(sorted(series.labels.items()))] = series
    metrics = [_metric(name, by_labels.values()) for name, by_labels in sorted(found.items())]
    return generate_latest(_Latest(metrics))


def _metric(name: str, series: Iterable[Series]) -> Metric:
    counter = name.endswith("_total")
    metric = Metric(name.removesuffix("_total"), help_of(name), "counter" if counter else "gauge")
    for each in series:
        labels = {key: value for key, value in each.labels.items() if key != "__name__"}
        metric.add_sample(name, labels, float(each.values[-1]), timestamp=int(each.times[-1]) / 1000)
    return metric


SCRAPE = """\
# For prometheus.yml. A token that may view metrics, in a file beside it: ./run token --role viewer
scrape_configs:
  - job_name: kafka-{cluster}
    scrape_interval: 10s
    honor_labels: true
    scheme: {scheme}
    metrics_path: {path}
    params:
      # Everything. Leave this out for what kafka_exporter gives, and Kastellan's own.
      "match[]": ['{{__name__=~".+"}}']
    authorization:
      credentials_file: kastellan.token
    static_configs:
      - targets: ["{host}"]
  - job_name: kastellan
    scheme: {scheme}
    authorization:
      credentials_file: kastellan.token
    static_configs:
      - targets: ["{host}"]
"""


def scrape_config(cluster: str, *, scheme: str, host: str, path: str) -> str:
    """`path` is of the cluster's federation; Kastellan's own metrics are at /metrics."""
    return SCRAPE.format(cluster=cluster, scheme=scheme, host=host, path=path)
