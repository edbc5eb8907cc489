"""Second factors at rest: allauth keeps them in JSON, in which what it sealed through our adapter is found by its form."""

from __future__ import annotations

from allauth.mfa.models import Authenticator

from controlplane.accounts.adapters import MFA_CONTEXT
from controlplane.core.secrets import Keyring, Resealed
from controlplane.gateways.broker import sealing


def reseal(ring: Keyring, told: Resealed) -> None:
    for row in Authenticator.objects.order_by("pk").iterator():
        fresh = {name: _anew(ring, told, value) for name, value in row.data.items()}
        if fresh != row.data:
            told.changed += Authenticator.objects.filter(pk=row.pk, data=row.data).update(data=fresh)


def _anew(ring: Keyring, told: Resealed, value: object) -> object:
    if isinstance(value, list):
        return [_anew(ring, told, each) for each in value]
    if isinstance(value, str) and value.startswith(f"{sealing.FORMAT}:"):
        return told.anew(ring, value, MFA_CONTEXT)
    return value
