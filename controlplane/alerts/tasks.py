"""Celery's doors to alerting. Rows are the truth; a message that is lost costs at most the wait for the next sweep."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery.signals import worker_init, worker_shutting_down
from django.utils import timezone

from controlplane.alerts.services import cycle, delivering, housekeeping
from controlplane.alerts.services.forwarding import Forwarder
from controlplane.alerts.services.sweeping import Sweeper
from controlplane.core.locks import alone

DELIVERERS = 2
sweeper = Sweeper()
forwarder = Forwarder()


@worker_init.connect
def _worker_starts(**_: Any) -> None:
    """Messages need Redis; this thread needs the worker alone."""
    sweeper.start()


@worker_shutting_down.connect
def _worker_ends(**_: Any) -> None:
    sweeper.stop()


@shared_task(name="alerts.evaluate", ignore_result=True, soft_time_limit=20, time_limit=25)
def evaluate() -> None:
    cycle.run()


@shared_task(name="alerts.evaluate_soon", ignore_result=True, soft_time_limit=20, time_limit=25)
def evaluate_soon(tries: int = 5) -> None:
    """Something has just turned. A cycle that is at work may have looked already, so the next one follows it at once."""
    if cycle.run() is None and tries:
        evaluate_soon.apply_async(args=(tries - 1,), countdown=1, expires=10)


@shared_task(name="alerts.deliver", ignore_result=True, time_limit=60)
def deliver() -> None:
    """At most two at a time, whatever the receivers let them wait: evaluation needs the third process."""
    for place in range(DELIVERERS):
        with alone(f"alerts.deliver/{place}") as mine:
            if mine:
                delivering.deliver()
                return


@shared_task(name="alerts.forward", ignore_result=True, soft_time_limit=30, time_limit=40)
def forward() -> None:
    with alone("alerts.forward") as mine:
        if mine:
            forwarder.forward(timezone.now())


@shared_task(name="alerts.housekeeping", ignore_result=True, time_limit=120)
def forget() -> None:
    housekeeping.forget_old(timezone.now())
