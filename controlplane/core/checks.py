"""System checks of our own, with ids and hints; `manage.py check` runs them at each start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register


@register()
def insecure_bind(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    if settings.TLS or settings.HOST in ("127.0.0.1", "::1", "localhost"):
        return []
    return [
        Warning(
            f"Browsers reach {settings.HOST} without TLS: passwords and cookies travel in clear.",
            hint="Put a TLS proxy in front and set KASTELLAN_TRUSTED_PROXY=1.",
            id="kastellan.W001",
        )
    ]


@register()
def private_data_directory(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    mode = settings.SECRETS.stat().st_mode & 0o777
    if not mode & 0o077:
        return []
    return [
        Error(
            f"{settings.SECRETS} is readable by others (mode {mode:o}).",
            hint="chmod 700 it: it holds the keys of this installation.",
            id="kastellan.E001",
        )
    ]


@register()
def job_kinds_exist(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    return [
        Error(
            f"The job kind {kind!r} names {path!r}, which is not `module.function`.",
            hint="Give the dotted path of the handler in JOB_KINDS.",
            id="kastellan.E002",
        )
        for kind, path in settings.JOB_KINDS.items()
        if "." not in path
    ]
