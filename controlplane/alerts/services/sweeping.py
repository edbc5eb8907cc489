"""Picks up what is due without any message: a thread in the worker's main process, for when Redis is gone.

The connection is closed after each sweep: the main process forks, and a child has no business with it.
"""

from __future__ import annotations

import logging
import threading

from django.db import DatabaseError, connection

from controlplane.alerts.services import delivering, sending

log = logging.getLogger(__name__)
EVERY_S = 10.0


class Sweeper:
    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every = every_s
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="alerts-sweeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(sending.TIMEOUT_S)

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            try:
                delivering.deliver(budget_s=self._every)
            except DatabaseError as error:
                log.warning("notifications wait: the database does not answer (%s)", error)
            except Exception:  # the thread has to outlive whatever one round meets
                log.exception("notifications wait: a round failed")
            finally:
                connection.close()
