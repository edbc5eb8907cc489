"""What a receiver of each kind needs: its options, its one secret, and what is wrong with them. Pure.

Services have fixed hosts: a secret that is an address has to be the service's own. Only mail goes to a host of your choice.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from controlplane.alerts.logic import payloads, webhook

WEBHOOK, EMAIL, SLACK, TEAMS, PAGERDUTY, TELEGRAM = (
    "webhook", "email", "slack", "teams", "pagerduty", "telegram",
)  # fmt: skip
SECURITY = ("starttls", "tls", "none")
REGIONS = ("us", "eu")
MOST_RECIPIENTS = 50
ADDRESS = re.compile(r"[^@\s<>,;\"\\\x00-\x1f\x7f]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,253}")
SLACK_URL = re.compile(r"https://hooks\.slack\.com/services/(T[A-Z0-9]+)/(B[A-Z0-9]+)/([A-Za-z0-9]+)/?")
TEAMS_HOST = re.compile(r"[a-z0-9.-]+\.(?:logic\.azure\.com|api\.powerplatform\.com)", re.IGNORECASE)
PAGERDUTY_KEY = re.compile(r"[A-Za-z0-9]{32}")
TELEGRAM_TOKEN = re.compile(r"[0-9]{5,20}:[A-Za-z0-9_-]{30,60}")
TELEGRAM_CHAT = re.compile(r"-?[0-9]{1,20}|@[A-Za-z][A-Za-z0-9_]{4,31}")
HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9a-fA-F:]{2,45}")
Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """`secret`: what it is called; `needs_secret`: nothing can be sent without it."""

    label: str
    secret: str
    options: tuple[str, ...]
    needs_secret: bool
    check_secret: Callable[[str], str]
    check_options: Callable[[Options], dict[str, str]]


def _webhook_secret(secret: str) -> str:
    try:
        webhook.secret_key(secret)
    except webhook.BadSecret as error:
        return f"{error}."
    return ""


def _matching(pattern: re.Pattern[str], problem: str) -> Callable[[str], str]:
    return lambda secret: "" if pattern.fullmatch(secret) else problem


def _teams_secret(secret: str) -> str:
    return (
        ""
        if teams_parts(secret)
        else "The address of a workflow's HTTP trigger, of Power Automate or Logic Apps."
    )


def teams_parts(url: str) -> tuple[str, str, str, str] | None:
    """Host, workflow, signature and version of the API."""
    if not url.isascii() or any(char.isspace() for char in url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    query = parse_qs(parts.query)
    found = re.search(r"/workflows/([A-Za-z0-9]+)/triggers/manual/paths/invoke$", parts.path)
    own = parts.scheme == "https" and port in (None, 443) and parts.username is None
    host = parts.hostname or ""
    if not (own and found and TEAMS_HOST.fullmatch(host) and query.get("sig")):
        return None
    return host, found[1], query["sig"][0], query.get("api-version", ["2016-06-01"])[0]


def _nothing(options: Options) -> dict[str, str]:
    return {}


def _webhook_options(options: Options) -> dict[str, str]:
    template = options.get("template", "")
    problem = payloads.problem(template) if isinstance(template, str) and template else ""
    if not isinstance(template, str):
        problem = "A text that is JSON."
    return {"template": problem} if problem else {}


def _email(options: Options) -> dict[str, str]:
    found: dict[str, str] = {}
    if not HOST.fullmatch(str(options.get("host", ""))):
        found["host"] = "The name or address of a mail server."
    port = options.get("port", 587)
    if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65536:
        found["port"] = "A port from 1 to 65535."
    if options.get("security", "starttls") not in SECURITY:
        found["security"] = f"One of {', '.join(SECURITY)}."
    if not ADDRESS.fullmatch(str(options.get("from", ""))):
        found["from"] = "One address, such as kafka@example.org."
    if not _each(options.get("to"), ADDRESS):
        found["to"] = f"One to {MOST_RECIPIENTS} addresses."
    user = options.get("user", "")
    if not isinstance(user, str) or len(user) > 200 or not user.isprintable():
        found["user"] = "At most 200 characters in one line."
    return found


def _pagerduty(options: Options) -> dict[str, str]:
    return {} if options.get("region", "us") in REGIONS else {"region": f"One of {', '.join(REGIONS)}."}


def _telegram(options: Options) -> dict[str, str]:
    fine = _each(options.get("chats"), TELEGRAM_CHAT)
    return {} if fine else {"chats": "One to 50 chats: a number, or @ and the name of a channel."}


def _each(values: Any, pattern: re.Pattern[str]) -> bool:
    return (
        isinstance(values, list)
        and 0 < len(values) <= MOST_RECIPIENTS
        and all(isinstance(each, str) and pattern.fullmatch(each) for each in values)
    )


KINDS: Mapping[str, Kind] = {
    WEBHOOK: Kind("Webhook", "Signing secret", ("template", "ca_pem"), False, _webhook_secret, _webhook_options),
    EMAIL: Kind(
        "E-mail", "Password", ("host", "port", "security", "user", "from", "to", "ca_pem"), False,
        lambda secret: "" if len(secret) <= 200 and secret.isprintable() else "At most 200 characters in one line.",
        _email,
    ),
    SLACK: Kind(
        "Slack", "Webhook URL", (), True,
        _matching(SLACK_URL, "Slack's own address: https://hooks.slack.com/services/T…/B…/…"), _nothing,
    ),
    TEAMS: Kind("Microsoft Teams", "Workflow URL", (), True, _teams_secret, _nothing),
    PAGERDUTY: Kind(
        "PagerDuty", "Integration key", ("region",), True,
        _matching(PAGERDUTY_KEY, "The integration key of Events API v2: 32 letters and digits."), _pagerduty,
    ),
    TELEGRAM: Kind(
        "Telegram", "Bot token", ("chats",), True,
        _matching(TELEGRAM_TOKEN, "The token that BotFather gave: digits, a colon, letters."), _telegram,
    ),
}  # fmt: skip


def problems(
    kind: str, options: Options, secret: str | None, *, has_secret: bool = False
) -> dict[str, list[str]]:
    """`secret` None: it stays as it is; `has_secret`: there is one."""
    known = KINDS.get(kind)
    if known is None:
        return {"kind": [f"One of {', '.join(KINDS)}."]}
    found: dict[str, list[str]] = {}
    unknown = sorted(str(name) for name in options if name not in known.options)
    if unknown:
        takes = f"It takes {', '.join(known.options)}." if known.options else "It takes none."
        found["options"] = [f"{known.label} has no option {unknown[0]!r}. {takes}"]
    for name, problem in known.check_options(options).items():
        found.setdefault("options", []).append(f"{name}: {problem}")
    if secret:
        problem = known.check_secret(secret)
        found |= {"secret": [problem]} if problem else {}
    elif known.needs_secret and (secret is not None or not has_secret):
        found["secret"] = [f"{known.label} needs one: {known.secret}."]
    return found


def shown_url(url: str) -> str:
    """For whoever may not set it, and for records: of many services the path is the password. Another path shows as
    another fingerprint."""
    parts = urlsplit(url)
    rest = url.partition(parts.netloc)[2] if parts.netloc else ""
    if rest in ("", "/"):
        return url
    return f"{parts.scheme}://{parts.netloc}/… ({hashlib.sha256(rest.encode()).hexdigest()[:8]})"


def address_of(kind: str, url: str, options: Options) -> str:
    """Where it goes to, for people; never the secret."""
    match kind:
        case "email":
            return ", ".join(options.get("to", ()))
        case "telegram":
            return ", ".join(options.get("chats", ()))
        case "pagerduty":
            return f"region {options.get('region', 'us')}"
        case "webhook":
            return url
        case _:
            return KINDS[kind].label if kind in KINDS else ""
