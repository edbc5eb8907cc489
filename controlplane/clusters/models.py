"""Registered clusters, and the snapshot that every list is served from.

Kafka is the store of all that the snapshot rows say; they are a cache with an age, rebuilt at any time.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Colour(models.TextChoices):
    """The thin line over the top bar, so that nobody deletes in the wrong cluster."""

    NONE = "none", "None"
    BLUE = "blue", "Blue"
    GREEN = "green", "Green"
    AMBER = "amber", "Amber"
    RED = "red", "Red"
    VIOLET = "violet", "Violet"


class Kind(models.TextChoices):
    """Whose processes its brokers are: of `bundled` ones we start them, of `external` ones we know an address."""

    BUNDLED = "bundled", "Bundled"
    EXTERNAL = "external", "External"


class Cluster(models.Model):
    """A cluster that this control plane operates. `name` is its identity in URLs, audit and metrics."""

    name = models.SlugField(max_length=40, unique=True)
    title = models.CharField(max_length=80)
    colour = models.CharField(max_length=12, choices=Colour, default=Colour.NONE)
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.BUNDLED)
    cluster_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.title

    @property
    def external(self) -> bool:
        return self.kind == Kind.EXTERNAL


class ConnectionSecurity(models.TextChoices):
    """The kinds that `gateways.kafka.security` knows; nothing else can be said of a connection."""

    PLAINTEXT = "plaintext", "None (PLAINTEXT)"
    TLS = "tls", "TLS, client certificate or none (SSL)"
    SCRAM_SHA_512 = "scram-sha-512", "SCRAM-SHA-512 over TLS (SASL_SSL)"
    SCRAM_SHA_256 = "scram-sha-256", "SCRAM-SHA-256 over TLS (SASL_SSL)"
    PLAIN = "plain", "PLAIN over TLS (SASL_SSL)"


class ExternalConnection(models.Model):
    """How an external cluster is reached. `key` and `password` are sealed (`core.secrets`) and go out to brokers only."""

    cluster = models.OneToOneField(Cluster, on_delete=models.CASCADE, related_name="connection")
    bootstrap = models.CharField(max_length=2000)
    security = models.CharField(max_length=20, choices=ConnectionSecurity)
    ca_pem = models.TextField(blank=True, help_text="Empty: the authorities that this machine trusts.")
    check_hostname = models.BooleanField(default=True)
    certificate_pem = models.TextField(blank=True)
    key = models.TextField(blank=True)
    username = models.CharField(max_length=200, blank=True)
    password = models.TextField(blank=True)
    allow_private = models.BooleanField(default=False)
    probe = models.BooleanField(default=False, help_text="Whether records of ours go through its brokers.")
    version = models.PositiveIntegerField(default=1)


class SnapshotPart(models.TextChoices):
    BROKERS = "brokers", "Brokers"
    TOPICS = "topics", "Topics"
    SIZES = "sizes", "Sizes"
    GROUPS = "groups", "Consumer groups"


class SnapshotState(models.Model):
    """When a part of a cluster's snapshot was last read whole, and what went wrong since, if anything."""

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="snapshot_states")
    part = models.CharField(max_length=12, choices=SnapshotPart)
    taken_at = models.DateTimeField(null=True)
    duration_ms = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    error_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("cluster", "part"), name="one_state_per_part"),
        ]


class BrokerSnapshot(models.Model):
    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="brokers")
    broker_id = models.IntegerField()
    host = models.CharField(max_length=255)
    port = models.IntegerField()
    rack = models.CharField(max_length=255, blank=True)
    fenced = models.BooleanField(default=False)
    controller = models.BooleanField(default=False)
    leaders = models.IntegerField(default=0)
    replicas = models.IntegerField(default=0)
    in_sync = models.IntegerField(default=0)
    size_bytes = models.BigIntegerField(null=True)
    disk_total_bytes = models.BigIntegerField(null=True)
    disk_usable_bytes = models.BigIntegerField(null=True)
    offline_dirs = models.JSONField(default=list, help_text="Log directories that Kafka has taken offline.")
    taken_at = models.DateTimeField()

    class Meta:
        ordering = ("broker_id",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("cluster", "broker_id"), name="one_row_per_broker"),
        ]


class TopicSnapshot(models.Model):
    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="topics")
    name = models.CharField(max_length=249)
    topic_id = models.CharField(max_length=40, blank=True)
    internal = models.BooleanField(default=False)
    partitions = models.IntegerField()
    replication_factor = models.IntegerField()
    out_of_sync = models.IntegerField(default=0, help_text="Replicas missing from an ISR.")
    under_replicated = models.IntegerField(default=0, help_text="Partitions with such a replica.")
    leaderless = models.IntegerField(default=0, help_text="Partitions without a leader.")
    under_min_isr = models.IntegerField(default=0)
    cleanup_policy = models.CharField(max_length=40, blank=True)
    retention_ms = models.BigIntegerField(null=True)
    min_isr = models.IntegerField(null=True)
    size_bytes = models.BigIntegerField(null=True, help_text="All replicas.")
    records = models.BigIntegerField(null=True, help_text="End minus start offsets: an estimate.")
    taken_at = models.DateTimeField()

    class Meta:
        ordering = ("name",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("cluster", "name"), name="one_row_per_topic"),
        ]


class GroupSnapshot(models.Model):
    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="groups")
    group = models.CharField(max_length=255)
    type = models.CharField(max_length=20)
    protocol = models.CharField(max_length=60, blank=True)
    state = models.CharField(max_length=40)
    coordinator = models.IntegerField(null=True)
    members = models.IntegerField(null=True)
    topics = models.IntegerField(null=True)
    lag = models.BigIntegerField(null=True, help_text="Records behind, over all partitions with a commit.")
    taken_at = models.DateTimeField()

    class Meta:
        ordering = ("group",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("cluster", "group"), name="one_row_per_group"),
        ]
