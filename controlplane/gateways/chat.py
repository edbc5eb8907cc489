"""Messages to people at fixed services: Slack, Microsoft Teams, PagerDuty, Telegram. The only module that imports apprise.

Plugins are made from parts that were checked, never from an apprise URL that somebody typed; redirects are not followed.
apprise says yes or no; why not is what it wrote to its log meanwhile.
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from controlplane.gateways.errors import NotAuthorized, Unreachable

CONNECT_S, READ_S = 4.0, 8.0
STATUS = re.compile(r"error=(\d{3})")
SEVERITIES = {"critical": "critical", "warning": "warning", "info": "info"}


@dataclass(frozen=True, slots=True)
class ChatMessage:
    title: str
    text: str
    resolved: bool
    severity: str
    group: str


def send(service: str, parts: Mapping[str, Any], message: ChatMessage) -> None:
    """Raises GatewayError: `retriable` where it may be taken later."""
    plugin = plugin_for(service, parts, message)
    plugin.redirects = False
    plugin.request_rate_per_sec = 0
    with _heard() as lines:
        sent = plugin.notify(body=message.text, title=message.title, notify_type=_tone(message))
    if not sent:
        raise _error(service, lines)


def plugin_for(service: str, parts: Mapping[str, Any], message: ChatMessage) -> Any:
    # apprise takes a moment to load: only whoever sends pays for it. Most of it has no types.
    apprise: Any = import_module("apprise")
    memory = apprise.PersistentStoreMode.MEMORY
    asset = apprise.AppriseAsset(
        app_id="Kastellan", app_desc="Kastellan", image_url_mask="", storage_mode=memory
    )
    common = {"asset": asset, "rto": READ_S, "cto": CONNECT_S, "format": "text", "overflow": "truncate"}
    return PLUGINS[service](parts, message, common)


def _plugin(module: str, name: str) -> Any:
    return getattr(import_module(f"apprise.plugins.{module}"), name)


def _slack(parts: Mapping[str, Any], message: ChatMessage, common: dict[str, Any]) -> Any:
    token_a, token_b, token_c = parts["tokens"]
    return _plugin("slack", "NotifySlack")(
        token_a=token_a, token_b=token_b, token_c=token_c, include_image=False, include_footer=False, **common
    )


def _teams(parts: Mapping[str, Any], message: ChatMessage, common: dict[str, Any]) -> Any:
    return _plugin("workflows", "NotifyWorkflows")(
        workflow=parts["workflow"], signature=parts["signature"], host=parts["host"],
        power_automate=parts["host"].endswith(".api.powerplatform.com"), version=parts["version"], include_image=False, **common,
    )  # fmt: skip


def _pagerduty(parts: Mapping[str, Any], message: ChatMessage, common: dict[str, Any]) -> Any:
    return _plugin("pagerduty", "NotifyPagerDuty")(
        # The Events API takes the integration key alone; the plugin wants something in the place of the other.
        apikey=parts["key"], integrationkey=parts["key"], source="Kastellan", component="kafka",
        region_name=parts["region"], include_image=False, action="resolve" if message.resolved else "trigger",
        severity=SEVERITIES.get(message.severity, "error"),
        dedup=hashlib.sha256(message.group.encode()).hexdigest(), **common,
    )  # fmt: skip


def _telegram(parts: Mapping[str, Any], message: ChatMessage, common: dict[str, Any]) -> Any:
    return _plugin("telegram", "NotifyTelegram")(
        bot_token=parts["token"], targets=list(parts["chats"]), detect_owner=False, **common
    )


PLUGINS: Mapping[str, Callable[[Mapping[str, Any], ChatMessage, dict[str, Any]], Any]] = {
    "slack": _slack,
    "teams": _teams,
    "pagerduty": _pagerduty,
    "telegram": _telegram,
}


def _tone(message: ChatMessage) -> str:
    if message.resolved:
        return "success"
    return {"critical": "failure", "warning": "warning"}.get(message.severity, "info")


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self.thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self.thread:
            self.lines.append(record.getMessage())


@contextmanager
def _heard() -> Generator[list[str], None, None]:
    handler = _Lines()
    log = logging.getLogger("apprise")
    log.addHandler(handler)
    try:
        yield handler.lines
    finally:
        log.removeHandler(handler)


def _error(service: str, lines: list[str]) -> Unreachable | NotAuthorized:
    found = STATUS.search(" ".join(lines))
    status = int(found[1]) if found else None
    if status is None:
        return Unreachable(f"{service} could not be reached")
    if status >= 500 or status in (408, 425, 429):
        return Unreachable(f"{service} answered {status}")
    return NotAuthorized(
        f"{service} refused it: {status}", "Is the secret still valid, and the target there?"
    )
