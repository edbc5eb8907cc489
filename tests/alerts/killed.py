"""Run as a process of its own: delivers the outbox, and dies by SIGKILL at a given point of the n-th notification.

The points are those of AL-1. Product code knows nothing of this: the child replaces functions before it starts.
`python -m tests.alerts.killed POINT N DATABASE SECONDS` with the environment of the tests; SECONDS is the scene's time.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

POINTS = ("before write", "after write", "before send", "after send", "before mark", "during back-off")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def on_call(count: int, function: Callable[..., Any], *, before: bool) -> Callable[..., Any]:
    """The n-th call dies, before the function runs or after it."""
    calls = 0

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if before and calls == count:
            die()
        result = function(*args, **kwargs)
        if not before and calls == count:
            die()
        return result

    return wrapped


def main(point: str, count: int, database: str, seconds: float) -> None:
    import django
    from django.conf import settings

    settings.DATABASES["default"]["NAME"] = database
    django.setup()
    from controlplane.alerts.logic import backoff
    from controlplane.alerts.models import DeliveryAttempt
    from controlplane.alerts.services import cycle, delivering, dispatching, sending
    from tests.alerts.scene import Scene

    cycle.wake_delivery = lambda: None
    match point:
        case "before write":
            dispatching._insert = on_call(count, dispatching._insert, before=True)
        case "after write":
            # Inside the transaction: the outbox row is there, the group's log is not.
            dispatching._insert = on_call(count, dispatching._insert, before=False)
        case "before send":
            sending.send = on_call(count, sending.send, before=True)
        case "after send":
            sending.send = on_call(count, sending.send, before=False)
        case "before mark":
            create = on_call(count, DeliveryAttempt.objects.create, before=False)
            DeliveryAttempt.objects.create = create  # type: ignore[method-assign]
        case "during back-off":
            # As "again later" is written: the transaction of the attempt is not committed.
            delay = on_call(count, backoff.delay, before=False)
            delivering.delay = delay  # type: ignore[attr-defined]
    scene = Scene()
    scene.moves(seconds)
    scene.answers = {"x": [{"broker": str(number)} for number in range(200)]}
    scene.cycle()
    # A receiver that failed is left alone for the rest of a call: the waits of a back-off are moves of the scene.
    for _ in range(30):
        delivering.deliver(clock=lambda: scene.now, budget_s=60)
        scene.moves(3)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], float(sys.argv[4]))
