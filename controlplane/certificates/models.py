"""What was issued, who took it away, what is revoked, and which certificates others present. No private key, ever."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models

from controlplane.certificates.logic import state
from controlplane.certificates.logic.expiry import Span
from controlplane.clusters.models import Cluster


class OriginChoice(models.TextChoices):
    GENERATED = state.Origin.GENERATED.value, "Key made here"
    CSR = state.Origin.CSR.value, "From a request"


def public_only(text: str) -> None:
    """The last line of defence of CA-7: a row with a private key is not saved."""
    if "PRIVATE KEY" in text:
        raise ValidationError("a private key is never stored")


class Certificate(models.Model):
    """A client certificate that this control plane issued. Rows outlive the certificate: they are its history."""

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="certificates")
    serial = models.CharField(max_length=32, help_text="Hexadecimal, lower case.")
    common_name = models.CharField(max_length=64)
    principal = models.CharField(max_length=200)
    issuer = models.CharField(
        max_length=64,
        blank=True,
        help_text="SHA-256 of the issuing certificate; its key id where the root issues.",
    )
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of the certificate.")
    key_fingerprint = models.CharField(max_length=64, help_text="SHA-256 of the public key.")
    not_before = models.DateTimeField()
    not_after = models.DateTimeField()
    pem = models.TextField(validators=[public_only])
    chain_pem = models.TextField(validators=[public_only], help_text="The certificate, then its authorities.")
    hosts = models.JSONField(default=list, blank=True)
    origin = models.CharField(max_length=10, choices=OriginChoice)
    issued_by = models.CharField(max_length=240)
    issued_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.CharField(max_length=240, blank=True)
    revocation_reason = models.CharField(max_length=30, blank=True)
    replaces = models.CharField(max_length=32, blank=True)
    replaced_by = models.CharField(max_length=32, blank=True)

    class Meta:
        ordering = ("common_name", "-not_after")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("cluster", "serial"), name="one_row_per_serial"),
        ]
        indexes: ClassVar = [
            models.Index(fields=("cluster", "common_name")),
            models.Index(fields=("cluster", "issuer")),
        ]

    def __str__(self) -> str:
        return f"{self.common_name} ({self.serial})"

    def span(self, now: datetime) -> Span:
        return Span(self.not_before, self.not_after, now)

    @property
    def issued(self) -> state.Issued:
        return state.Issued(
            serial=self.serial,
            common_name=self.common_name,
            principal=self.principal,
            origin=state.Origin(self.origin),
            not_before=self.not_before,
            not_after=self.not_after,
            revoked=self.revoked_at is not None,
            replaced_by=self.replaced_by,
        )

    @property
    def reason_words(self) -> str:
        return state.Reason(self.revocation_reason).words if self.revocation_reason else ""


class Download(models.Model):
    """Who took what away, and when. `certificate` is None for what belongs to none: trust stores, authorities."""

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="certificate_downloads")
    certificate = models.ForeignKey(
        Certificate, on_delete=models.CASCADE, null=True, related_name="downloads"
    )
    what = models.CharField(max_length=80)
    actor = models.CharField(max_length=240)
    at = models.DateTimeField()

    class Meta:
        ordering = ("-at", "-pk")


class RevocationList(models.Model):
    """The newest list of each client authority that is still trusted. `number` grows by one with each list."""

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="revocation_lists")
    generation = models.CharField(max_length=8, help_text="present, or old while a key is being replaced.")
    issuer = models.CharField(max_length=64, help_text="SHA-256 of the issuing certificate.")
    number = models.BigIntegerField()
    der = models.BinaryField()
    entries = models.IntegerField()
    this_update = models.DateTimeField()
    next_update = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("cluster", "generation"), name="one_list_per_generation"),
        ]


class DroppedAuthority(models.Model):
    """When an authority for clients was dropped: a date for pages. What is trusted is read where it is decided."""

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="dropped_authorities")
    root_pem = models.TextField(validators=[public_only])
    dropped_at = models.DateTimeField()


class WatchedEndpoint(models.Model):
    """An address whose certificate somebody asked us to watch."""

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="watched_endpoints")
    host = models.CharField(max_length=253)
    port = models.PositiveIntegerField()
    label = models.CharField(max_length=80, blank=True)
    added_by = models.CharField(max_length=240)
    added_at = models.DateTimeField()

    class Meta:
        ordering = ("host", "port")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("cluster", "host", "port"), name="one_row_per_endpoint"),
        ]


class SightingKind(models.TextChoices):
    LISTENER = "listener", "Broker listener"
    WATCHED = "watched", "Watched endpoint"
    USED = "used", "Used by Kastellan"


class Sighting(models.Model):
    """What an address presented when it last answered, and why not since, if it did not."""

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="sightings")
    kind = models.CharField(max_length=10, choices=SightingKind)
    name = models.CharField(max_length=120)
    host = models.CharField(max_length=253)
    port = models.PositiveIntegerField()
    subject = models.CharField(max_length=400, blank=True)
    issuer = models.CharField(max_length=400, blank=True)
    serial = models.CharField(max_length=64, blank=True)
    fingerprint = models.CharField(max_length=64, blank=True)
    protocol = models.CharField(max_length=12, blank=True)
    not_before = models.DateTimeField(null=True)
    not_after = models.DateTimeField(null=True, help_text="The soonest end in the chain that was presented.")
    seen_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField()
    error = models.TextField(blank=True)

    class Meta:
        ordering = ("not_after", "name")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("cluster", "host", "port"), name="one_sighting_per_address"),
        ]
