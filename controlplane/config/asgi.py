"""ASGI entry point; `uvicorn controlplane.config.asgi:application`."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.config.settings")

_django = get_asgi_application()

# Tasks that requests send go to our application, not to Celery's default one.
import controlplane.config.celery  # noqa: E402, F401
from controlplane.core.bodies import BodyLimit  # noqa: E402

application = BodyLimit(_django)
