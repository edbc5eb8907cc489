"""`kastellan_certificate_expiry_seconds` and `…_life_seconds` on /metrics, read at the moment of the scrape."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from controlplane.certificates import inventory
from controlplane.clusters.models import Cluster


class ExpiryCollector(Collector):
    def collect(self) -> Iterator[GaugeMetricFamily]:
        names = ["cluster", "name", "kind"]
        families = {
            inventory.METRIC: GaugeMetricFamily(inventory.METRIC, inventory.HELP, labels=names),
            inventory.LIFE: GaugeMetricFamily(inventory.LIFE, inventory.LIFE_HELP, labels=names),
        }
        now = timezone.now()
        for cluster in Cluster.objects.all():
            for sample in inventory.samples(cluster, now):
                labels = dict(sample.labels)
                families[sample.name].add_metric([cluster.name, labels["name"], labels["kind"]], sample.value)
        yield from families.values()
