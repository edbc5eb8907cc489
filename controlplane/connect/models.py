"""Connect clusters that run elsewhere, and what is ours about connectors. Kafka Connect is the store of the connectors."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from controlplane.clusters.models import Cluster


class ConnectCluster(models.Model):
    """How the REST API of an external Connect cluster is reached. `password` is sealed and goes out to it only."""

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="connect_clusters")
    name = models.SlugField(max_length=40)
    url = models.CharField(max_length=500)
    username = models.CharField(max_length=200, blank=True)
    password = models.TextField(blank=True)
    ca_pem = models.TextField(blank=True, help_text="Empty: the authorities that this machine trusts.")
    allow_private = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ("name",)
        verbose_name = "Connect cluster"
        verbose_name_plural = "Connect clusters"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("cluster", "name"), name="one_connect_cluster_per_name"),
        ]

    def __str__(self) -> str:
        return self.name


class RestartPolicy(models.Model):
    """Opt-in: tasks of this connector that fail are restarted, `most` times, each wait twice the one before.

    `attempts` since it was last well for long; `given_up_at`: the last one did not help either.
    """

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="restart_policies")
    connect = models.SlugField(max_length=40)
    connector = models.CharField(max_length=200)
    most = models.PositiveIntegerField()
    first_s = models.PositiveIntegerField()
    longest_s = models.PositiveIntegerField()
    attempts = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField(null=True)
    given_up_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "automatic restart"
        verbose_name_plural = "automatic restarts"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=("cluster", "connect", "connector"), name="one_restart_policy_per_connector"
            ),
        ]

    def __str__(self) -> str:
        return self.connector


class RaisedLevel(models.Model):
    """A log level that was set for a time: a debt until `before` (levels by logger) is set again."""

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="raised_levels")
    connect = models.SlugField(max_length=40)
    logger = models.CharField(max_length=300)
    level = models.CharField(max_length=10)
    before = models.JSONField(default=dict)
    until = models.DateTimeField()

    class Meta:
        verbose_name = "raised log level"
        verbose_name_plural = "raised log levels"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=("cluster", "connect", "logger"), name="one_raised_level_per_logger"
            ),
        ]

    def __str__(self) -> str:
        return self.logger
