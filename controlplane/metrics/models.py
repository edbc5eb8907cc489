"""Where the metrics of an external cluster come from. The history itself is in a database of its own (`store`)."""

from __future__ import annotations

from django.db import models

from controlplane.clusters.models import Cluster


class SourceKind(models.TextChoices):
    SCRAPE = "scrape", "Prometheus text of each broker, kept here"
    SERVER = "server", "A Prometheus server, nothing is kept here"


class MetricSource(models.Model):
    """`urls` one a line; `secret` is sealed: with a user a password, else a bearer token."""

    cluster = models.OneToOneField(Cluster, on_delete=models.CASCADE, related_name="metric_source")
    kind = models.CharField(max_length=10, choices=SourceKind)
    urls = models.TextField()
    matchers = models.JSONField(default=dict)
    username = models.CharField(max_length=200, blank=True)
    secret = models.TextField(blank=True)
    allow_private = models.BooleanField(default=False)
    ca_pem = models.TextField(blank=True, help_text="Empty: the authorities that this machine trusts.")
    version = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name = "metric source"
        verbose_name_plural = "metric sources"
