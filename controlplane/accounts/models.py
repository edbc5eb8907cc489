"""Users, their roles per cluster, API tokens and one-time login links. Tokens and links are stored as hashes only."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models

from controlplane.core.access import EVERY_CLUSTER, Role


class User(AbstractUser):
    """Who logs in. What they may do stands in RoleGrant; Django's own permissions are not used."""

    class Meta:
        ordering = ("username",)


class RoleChoice(models.TextChoices):
    VIEWER = Role.VIEWER.value, "Viewer"
    OPERATOR = Role.OPERATOR.value, "Operator"
    ADMIN = Role.ADMIN.value, "Admin"


class RoleGrant(models.Model):
    """A role on one cluster (by name) or, with '*', on all and on this installation."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="grants")
    cluster = models.CharField(max_length=40, default=EVERY_CLUSTER)
    role = models.CharField(max_length=10, choices=RoleChoice)
    granted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("cluster",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("user", "cluster"), name="one_role_per_cluster"),
        ]


class ApiToken(models.Model):
    """A bearer secret. The owner's role bounds it at every request; `role` and `scopes` bound it further."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=8, unique=True)
    digest = models.CharField(max_length=64)
    role = models.CharField(max_length=10, choices=RoleChoice)
    scopes = models.JSONField(null=True, help_text="Actions that it is limited to; null: all of its role.")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    last_used_ip = models.GenericIPAddressField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-created_at", "-pk")

    def __str__(self) -> str:
        return f"{self.name} (kst_{self.prefix}_…)"


class LoginLink(models.Model):
    """A single-use way in, for the first start, invitations and lost passwords."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="login_links")
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)


class Theme(models.TextChoices):
    SYSTEM = "system", "As the system"
    LIGHT = "light", "Light"
    DARK = "dark", "Dark"


class Density(models.TextChoices):
    COMPACT = "compact", "Compact"
    COMFORTABLE = "comfortable", "Comfortable"


class UserPreferences(models.Model):
    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="preferences", primary_key=True)
    theme = models.CharField(max_length=8, choices=Theme, default=Theme.SYSTEM)
    density = models.CharField(max_length=12, choices=Density, default=Density.COMPACT)
    time_zone = models.CharField(max_length=64, default="", blank=True, help_text="Empty: the browser's.")
    shortcuts = models.BooleanField(default=True, help_text="Single-key shortcuts.")
