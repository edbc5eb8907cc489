"""`kastellan_certificate_expiry_seconds` on /metrics, read at the moment of the scrape."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from controlplane.certificates import inventory
from controlplane.clusters.models import Cluster


class ExpiryCollector(Collector):
    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(inventory.METRIC, inventory.HELP, labels=["cluster", "name", "kind"])
        now = timezone.now()
        for cluster in Cluster.objects.all():
            for sample in inventory.samples(cluster, now):
                labels = dict(sample.labels)
                family.add_metric([cluster.name, labels["name"], labels["kind"]], sample.value)
        yield family
