"""`python -m controlplane.cli.watch`: tells a fallback address when alerting itself has stopped. Needs nothing of it.

No Django, no database, no Redis, no Celery: a file with the evaluation's last stamp, the web app's /healthz, and a clock.
Runs under the supervisor where KASTELLAN_FALLBACK_URL or KASTELLAN_HEARTBEAT_URL is set.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from controlplane.alerts.logic import webhook
from controlplane.alerts.logic.dedup import NotifyReason
from controlplane.alerts.logic.labels import text_of
from controlplane.alerts.logic.webhook import Envelope, Item
from controlplane.core import watching
from controlplane.core.stamps import boot_clock, boot_id
from controlplane.core.watching import HEARTBEAT_S, STALE_S, STAMPS, Notice, Stamp, Watched
from controlplane.gateways.addresses import Allowed
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.outbound import Outbound

EVERY_S = 5.0
TIMEOUT_S = 5.0
READY = "watching"
ALERT = "KastellanStopped"
#: Environment: what the fallback's webhooks are signed with.
SECRET = "KASTELLAN_FALLBACK_SECRET"  # noqa: S105  # a name, no secret
STOPPED = {
    "evaluation": "Alert rules are not evaluated any more: the worker of alerts, beat, Redis or the database.",
    "worker": "Jobs and readings of clusters stand still: the worker, beat or Redis.",
}
log = logging.getLogger("kastellan.watch")


class Watcher:
    """`fallback` is told what has stopped; `heartbeat` is asked every minute that all is well, as Healthchecks wants it."""

    def __init__(
        self,
        state: Path,
        web: str,
        *,
        fallback: str = "",
        secret: str = "",
        heartbeat: str = "",
        clock: Callable[[], float] = boot_clock,
    ) -> None:
        self.stamps = {part: state / name for part, name in STAMPS.items()}
        self.web, self.fallback, self.heartbeat, self.clock = web, fallback, heartbeat, clock
        self.secrets = (secret,) if secret else ()
        self.state = Watched(clock())
        self.web_ok = clock()
        self.beaten = 0.0
        # Whoever sets these in the environment chose them: their hosts may be anywhere.
        hosts = [urlsplit(url).hostname or "" for url in (fallback, heartbeat, web)]
        self.outbound = Outbound(Allowed.of(filter(None, hosts)))

    def look(self) -> None:
        failed = self.failures()
        before = self.state
        self.state, notices = watching.step(before, failed, self.clock())
        heard = [self._tell(each) for each in notices if self.fallback]
        if not all(heard):
            self.state = watching.unheard(before, self.state)
        if not failed and self.heartbeat and self.clock() - self.beaten >= HEARTBEAT_S:
            self.beaten = self.clock()
            self._ask("GET", self.heartbeat)

    def failures(self) -> dict[str, str]:
        found: dict[str, str] = {}
        now = self.clock()
        for part, path in self.stamps.items():
            if watching.stale(_stamp(path), boot_id(), now, self.state.started):
                found[part] = STOPPED[part]
        if self._ask("GET", f"{self.web}/healthz"):
            self.web_ok = now
        elif now - self.web_ok > STALE_S:
            found["web"] = "The web app of Kastellan does not answer."
        return found

    def _tell(self, notice: Notice) -> bool:
        log.warning("%s: %s", "stopped" if notice.firing else "over", notice.text)
        now = datetime.now(UTC)
        content = message(notice, self.web, now, failing_s=self.clock() - notice.since)
        headers = webhook.headers(notice.id, now, content, self.secrets)
        return self._ask("POST", self.fallback, headers, content)

    def _ask(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, content: bytes = b""
    ) -> bool:
        try:
            return self.outbound.request(
                method, url, headers=headers or {}, content=content, timeout_s=TIMEOUT_S
            ).ok
        except GatewayError as error:
            log.info("%s", error)
            return False


def message(notice: Notice, url: str, now: datetime, *, failing_s: float) -> bytes:
    """As receivers of alerts know it: one alert that began `failing_s` ago."""
    labels = {"alertname": ALERT, "part": notice.part, "severity": "critical"}
    reason = NotifyReason.FIRST if notice.firing else NotifyReason.ALL_RESOLVED
    item = Item(
        labels=labels,
        annotations={"summary": notice.text},
        starts_at=now - timedelta(seconds=failing_s),
        ends_at=None if notice.firing else now,
        generator_url=url,
    )
    envelope = Envelope(
        receiver="fallback",
        group_key=f"{{}}:{text_of(labels)}",
        group_labels=labels,
        reason=reason,
        external_url=url,
    )
    return webhook.encoded(webhook.body(envelope, [item]))


def _stamp(path: Path) -> Stamp | None:
    try:
        return watching.read(path.read_text())
    except OSError:
        return None


def main() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    watcher = Watcher(
        Path(os.environ["KASTELLAN_DATA"]) / "state",
        os.environ["KASTELLAN_WATCHED_URL"],
        fallback=os.environ.get("KASTELLAN_FALLBACK_URL", ""),
        secret=os.environ.get(SECRET, ""),
        heartbeat=os.environ.get("KASTELLAN_HEARTBEAT_URL", ""),
    )
    print(READY, flush=True)
    while True:
        watcher.look()
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main()
