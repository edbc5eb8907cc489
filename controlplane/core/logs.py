"""Log lines carry UTC times and the id of the request that caused them."""

from __future__ import annotations

import logging
import time
from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="-")
#: Of the job at whose work this is; empty outside of one.
job_id: ContextVar[str] = ContextVar("job_id", default="")


class RequestIdFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        return True


class UtcFormatter(logging.Formatter):
    converter = staticmethod(time.gmtime)
    default_msec_format = "%s.%03dZ"
