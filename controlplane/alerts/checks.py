"""What of the alerts' settings is told at each start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.utils import timezone

from controlplane.clusters.logic import own_authority


@register()
def alertmanagers_authority(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    pem = settings.ALERTMANAGERS_CA
    problem = own_authority.problem(pem, timezone.now()) if pem else None
    if problem is None:
        return []
    hint = "KASTELLAN_ALERTMANAGERS_CA is the PEM, KASTELLAN_ALERTMANAGERS_CA_FILE a file that holds it."
    return [Error(f"The CA of other Alertmanagers: {problem}", hint=hint, id="kastellan.E003")]
