"""The Celery application: `celery --app=controlplane.config.celery worker`. Messages are wake-up calls, rows the truth."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.config.settings")

app = Celery("kastellan")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_after_finalize.connect
def schedule(sender: Celery, **kwargs: object) -> None:
    from controlplane.config.schedule import SCHEDULE

    sender.conf.beat_schedule = SCHEDULE
