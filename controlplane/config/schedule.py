"""Every periodic task in one table. `expires` is shorter than the period: a late wake-up is dropped, not piled up."""

from __future__ import annotations

from typing import Any


def every(seconds: float, task: str) -> dict[str, Any]:
    return {"task": task, "schedule": seconds, "options": {"expires": max(seconds - 1, 1)}}


SCHEDULE: dict[str, dict[str, Any]] = {
    "clusters-refresh": every(10, "clusters.refresh_all"),
    "clusters-watch": every(2, "clusters.watch"),
    "metrics-poll": every(10, "metrics.poll_all"),
    "metrics-poll-protocol": every(10, "metrics.poll_protocol_all"),
    "metrics-probe": every(30, "metrics.probe_all"),
    "workers-poll": every(10, "workers.poll_all"),
    "workers-follow": every(60, "workers.follow"),
    "replication-follow": every(60, "replication.follow"),
    "replication-poll": every(30, "replication.poll_all"),
    "metrics-housekeeping": every(600, "metrics.housekeeping"),
    "certificates-lists": every(600, "certificates.refresh_lists"),
    "certificates-check": every(3600, "certificates.check_all"),
    "certificates-check-new": every(60, "certificates.check_new"),
    "certificates-sample": every(60, "certificates.sample"),
    "acls-restore-levels": every(60, "acls.restore_levels"),
    "connect-sweep": every(20, "connect.sweep"),
    "connect-tidy": every(3600, "connect.tidy"),
    "certificates-renew": every(900, "certificates.renew_all"),
    # Two periods of ten seconds, one after the other, would miss "condition true → told" in poll interval + 5 s (AL-4).
    "alerts-evaluate": every(5, "alerts.evaluate"),
    "alerts-sweep": every(10, "alerts.deliver"),
    "alerts-forward": every(10, "alerts.forward"),
    "alerts-housekeeping": every(3600, "alerts.housekeeping"),
    "jobs-sweep": every(10, "jobs.sweep"),
    "audit-housekeeping": every(300, "audit.housekeeping"),
    "accounts-housekeeping": every(3600, "accounts.housekeeping"),
}
