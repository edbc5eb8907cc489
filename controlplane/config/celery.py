"""The Celery application: `celery --app=controlplane.config.celery worker`. Messages are wake-up calls, rows the truth."""

from __future__ import annotations

import gc
import os
from typing import Any

from celery import Celery
from celery.signals import worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.config.settings")

app = Celery("kastellan")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_after_finalize.connect
def schedule(sender: Celery, **kwargs: object) -> None:
    from controlplane.config.schedule import SCHEDULE

    sender.conf.beat_schedule = SCHEDULE


@worker_init.connect
def _share_memory(**_: Any) -> None:
    """What is there before the fork is left out of collections: marking it would copy every page into each process."""
    gc.collect()
    gc.freeze()
