"""Keys of authorities at rest."""

from __future__ import annotations

from controlplane.core.secrets import Keyring, Resealed
from controlplane.gateways import authorities


def reseal(ring: Keyring, told: Resealed) -> None:
    """The files are read with the ring that is in the key file, which is `ring`."""
    told.changed += authorities.reseal()
