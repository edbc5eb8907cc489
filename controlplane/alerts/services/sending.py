"""One attempt to tell a receiver of any kind. What it says of the outcome is all that the delivery has to know."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from controlplane.alerts.logic import messages, payloads, receivers, webhook
from controlplane.alerts.logic.messages import Message
from controlplane.alerts.models import Notification, Receiver
from controlplane.core.secrets import SecretUnreadable, context_for, decrypt
from controlplane.gateways import chat, mail
from controlplane.gateways.addresses import Allowed
from controlplane.gateways.chat import ChatMessage
from controlplane.gateways.errors import BadAnswer, GatewayError
from controlplane.gateways.mail import Mail, MailServer
from controlplane.gateways.outbound import Outbound, trusting

log = logging.getLogger(__name__)
TIMEOUT_S = 10.0
EXCERPT = 500


@dataclass(frozen=True, slots=True)
class Sent:
    status: int | None
    excerpt: str
    error: str
    retriable: bool


def send(row: Notification, receiver: Receiver, at: datetime) -> Sent:
    try:
        if receiver.kind == receivers.WEBHOOK:
            return _webhook(row, receiver, at)
        message = messages.message_of(json.loads(row.payload))
        if receiver.kind == receivers.EMAIL:
            _mail(row, receiver, message)
        else:
            _chat(receiver, message)
    except SecretUnreadable as error:
        return Sent(None, "", error.what, retriable=False)
    except payloads.BadPayload as error:
        return Sent(None, "", str(error), retriable=False)
    except GatewayError as error:
        # A connection that ended without an answer may be a receiver that died: it may be back.
        return Sent(None, "", str(error), retriable=error.retriable or isinstance(error, BadAnswer))
    except Exception as error:  # of a library: it must neither end the sweeper nor be tried for ever
        log.exception("notification %s could not be sent", row.pk)
        return Sent(None, "", f"{type(error).__name__} (the log has the details)", retriable=False)
    return Sent(200, "", "", retriable=False)


def _webhook(row: Notification, receiver: Receiver, at: datetime) -> Sent:
    payload, secret = _payload(row, receiver), secret_of(receiver)
    headers = webhook.headers(row.webhook_id, at, payload, [secret] if secret else [])
    answer = outbound_for(receiver).request(
        "POST", receiver.url, headers=headers, content=payload, timeout_s=TIMEOUT_S
    )
    excerpt = answer.body[:EXCERPT].decode("utf-8", "replace").replace("\0", "")
    said = "" if answer.ok else f"It answered {answer.status}"
    return Sent(answer.status, excerpt, said, retriable=True)


def _payload(row: Notification, receiver: Receiver) -> bytes:
    """Alertmanager's body as it was written into the outbox, or what the receiver's template makes of it."""
    template = receiver.options.get("template", "")
    if not template:
        return row.payload.encode()
    body = json.loads(row.payload)
    return payloads.render(template, body, messages.message_of(body))


def _mail(row: Notification, receiver: Receiver, message: Message) -> None:
    options = receiver.options
    server = MailServer(
        host=options["host"],
        port=options.get("port", 587),
        security=options.get("security", "starttls"),
        user=options.get("user", ""),
        password=secret_of(receiver),
    )
    # The id of a mail is the notification's: a repeat is seen to be one.
    letter = Mail(
        options["from"],
        options["to"],
        message.title,
        message.text,
        row.webhook_id,
        f"group-{row.group_id or 0}",
    )
    mail.send(server, letter, outbound_for(receiver))


def _chat(receiver: Receiver, message: Message) -> None:
    words = ChatMessage(message.title, message.text, message.resolved, message.severity, message.group)
    chat.send(receiver.kind, parts_of(receiver.kind, receiver.options, secret_of(receiver)), words)


def parts_of(kind: str, options: Mapping[str, Any], secret: str) -> dict[str, Any]:
    """What a service's plugin is made of."""
    match kind:
        case receivers.SLACK:
            found = receivers.SLACK_URL.fullmatch(secret)
            return {"tokens": found.groups() if found else ()}
        case receivers.TEAMS:
            host, workflow, signature, version = receivers.teams_parts(secret) or ("", "", "", "")
            return {"host": host, "workflow": workflow, "signature": signature, "version": version}
        case receivers.PAGERDUTY:
            return {"key": secret, "region": options.get("region", "us")}
        case _:
            return {"token": secret, "chats": options.get("chats", [])}


def outbound_for(receiver: Receiver) -> Outbound:
    return Outbound(allowed_for(receiver), tls=trusting(receiver.options.get("ca_pem", "")))


def allowed_for(receiver: Receiver) -> Allowed:
    """What the installation allows, and the receiver's own host where an administrator allowed that."""
    own = [host_of(receiver)] if receiver.allow_private else []
    return Allowed.of([*settings.ALLOWED_TARGETS, *filter(None, own)])


def host_of(receiver: Receiver) -> str:
    if receiver.kind == receivers.EMAIL:
        return str(receiver.options.get("host", ""))
    return urlsplit(receiver.url).hostname or ""


def secret_of(receiver: Receiver) -> str:
    return decrypt(receiver.secret, context=secret_context(receiver)) if receiver.secret else ""


def secret_context(receiver: Receiver) -> str:
    return context_for("alerts_receiver", receiver.pk, "secret")
