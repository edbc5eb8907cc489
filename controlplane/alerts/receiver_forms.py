"""A form per kind of receiver. A secret is typed once: between form and review it travels sealed, and is never shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.utils import timezone

from controlplane.alerts.logic import payloads, receivers
from controlplane.alerts.models import Receiver
from controlplane.alerts.services.receiving import ReceiverRequest
from controlplane.clusters.logic import own_authority
from controlplane.clusters.logic.connections import MOST_PEM
from controlplane.core.secrets import SecretUnreadable, context_for, decrypt, encrypt

TEMPLATE_EXAMPLE = '{"content": "{{ title }}: {{ text }}"}'


def _carried_by(person: int) -> str:
    """Of what a page carries along for one person; no row has it."""
    return context_for("alerts_receiver", f"form of {person}", "secret")


def _lines(text: str) -> list[str]:
    return [part for line in text.splitlines() for part in line.replace(",", " ").split()]


class ReceiverForm(forms.Form):
    """What every kind has. `kept`: there is a secret already, and an empty field leaves it as it is."""

    kind: ClassVar[str]
    refusal_fields: ClassVar = {"exists": "name", "routed": "name"}
    #: Option → field, where they differ.
    option_fields: ClassVar[Mapping[str, str]] = {}

    name = forms.CharField(label="Name", max_length=100)
    secret = forms.CharField(
        max_length=2000, required=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )
    sealed = forms.CharField(max_length=4000, required=False, widget=forms.HiddenInput())
    remove_secret = forms.BooleanField(label="Remove the secret", required=False)
    send_resolved = forms.BooleanField(label="Also tell when it is over", required=False, initial=True)
    field_order = (
        "name", "url", "template", "host", "port", "security", "user", "secret", "remove_secret", "sender", "to", "region",
        "chats", "ca_pem", "allow_private", "send_resolved",
    )  # fmt: skip

    def __init__(self, *args: Any, person: int, kept: bool = False, **more: Any) -> None:
        super().__init__(*args, **more)
        self.kept, self.person = kept, person
        known = receivers.KINDS[self.kind]
        self.fields["secret"].label = known.secret
        told = (
            "Kept unless you type another; never shown." if kept else "Stored sealed, and never shown again."
        )
        self.fields["secret"].help_text = f"{self.about} {told}".strip()
        if not kept or known.needs_secret:
            del self.fields["remove_secret"]

    about: ClassVar[str] = ""

    def options(self) -> dict[str, Any]:
        return {}

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        known = receivers.KINDS[self.kind]
        for name, problem in known.check_options(self.options()).items():
            field = self.option_fields.get(name, name)
            if field not in self.errors:
                self.add_error(field, problem)
        try:
            data["secret"] = data.get("secret") or self._carried(data.get("sealed", ""))
        except SecretUnreadable:
            self.add_error("secret", "Type it again: what was carried along cannot be read.")
        problem = known.check_secret(data["secret"]) if data.get("secret") else ""
        if problem:
            self.add_error("secret", problem)
        elif known.needs_secret and not data.get("secret") and not self.kept:
            self.add_error("secret", f"{known.label} needs it.")
        return data

    def _carried(self, sealed: str) -> str:
        return decrypt(sealed, context=_carried_by(self.person)) if sealed else ""

    def carried(self) -> tuple[tuple[str, str], ...]:
        """What the review page takes along: everything as typed, the secret sealed."""
        secret = self.cleaned_data.get("secret", "")
        plain = [
            (name, str(self.data[name]))
            for name in self.fields
            if name in self.data and name not in ("secret", "sealed")
        ]
        return (*plain, *((("sealed", encrypt(secret, context=_carried_by(self.person))),) if secret else ()))

    def to_request(self) -> ReceiverRequest:
        data = self.cleaned_data
        secret: str | None = data["secret"] or None
        return ReceiverRequest(
            name=data["name"],
            url=data.get("url", ""),
            kind=self.kind,
            options=self.options(),
            secret="" if data.get("remove_secret") and not secret else secret,
            allow_private=data.get("allow_private", False),
            send_resolved=data["send_resolved"],
        )

    @classmethod
    def initial_of(cls, row: Receiver) -> dict[str, Any]:
        found: dict[str, Any] = {
            name: getattr(row, name) for name in ("name", "url", "allow_private", "send_resolved")
        }
        for name, value in row.options.items():
            field = cls.option_fields.get(name, name)
            found[field] = "\n".join(value) if isinstance(value, list) else value
        return found


class OwnTrustForm(ReceiverForm):
    """Of a receiver whose host is somebody's own, and so may be its certificate's authority."""

    ca_pem = forms.CharField(
        label="CA certificate",
        max_length=MOST_PEM,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="PEM of the authority that signed its certificate. Empty: the authorities that this machine trusts.",
    )

    def clean_ca_pem(self) -> str:
        pem = own_authority.tidy(self.cleaned_data["ca_pem"])
        if pem and (problem := own_authority.problem(pem, timezone.now())):
            raise forms.ValidationError(problem)
        return pem

    def trust(self) -> dict[str, str]:
        pem = self.cleaned_data.get("ca_pem", "")
        return {"ca_pem": pem} if pem else {}


class WebhookForm(OwnTrustForm):
    kind = receivers.WEBHOOK
    about = "whsec_ and base64 of 24 to 64 bytes, after Standard Webhooks: then messages are signed."

    url = forms.CharField(
        label="Webhook URL",
        max_length=2000,
        widget=forms.URLInput(),
        help_text="Gets Alertmanager's webhook body (version 4) by POST.",
    )
    allow_private = forms.BooleanField(
        label="This address may be inside our own network",
        required=False,
        help_text="Loopback and private addresses are refused without it.",
    )
    template = forms.CharField(
        label="Body",
        required=False,
        max_length=payloads.LONGEST,
        widget=forms.Textarea(
            attrs={"rows": 5, "spellcheck": "false", "class": "mono", "placeholder": TEMPLATE_EXAMPLE}
        ),
        help_text="For services that want their own JSON: texts may name parts of the message in double braces. "
        "Left empty, Alertmanager's body is sent.",
    )

    def options(self) -> dict[str, Any]:
        template = self.cleaned_data.get("template", "")
        return self.trust() | ({"template": template} if template else {})


class EmailForm(OwnTrustForm):
    kind = receivers.EMAIL
    option_fields: ClassVar = {"from": "sender"}

    host = forms.CharField(label="Mail server", max_length=253)
    port = forms.IntegerField(label="Port", min_value=1, max_value=65535, initial=587)
    security = forms.ChoiceField(
        label="Encryption",
        choices=(("starttls", "STARTTLS (587, 25)"), ("tls", "TLS from the start (465)"), ("none", "none")),
    )
    user = forms.CharField(label="User", max_length=200, required=False)
    sender = forms.CharField(
        label="From", max_length=320, help_text="One address, such as kafka@example.org."
    )
    to = forms.CharField(
        label="To",
        max_length=16_000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="One address a line.",
    )
    allow_private = forms.BooleanField(
        label="This server may be inside our own network",
        required=False,
        help_text="Loopback and private addresses are refused without it.",
    )

    def options(self) -> dict[str, Any]:
        data = self.cleaned_data
        return {
            "host": data.get("host", ""),
            "port": data.get("port", 587),
            "security": data.get("security", "starttls"),
            "user": data.get("user", ""),
            "from": data.get("sender", ""),
            "to": _lines(data.get("to", "")),
            **self.trust(),
        }


class SlackForm(ReceiverForm):
    kind = receivers.SLACK
    about = "Of an incoming webhook: https://hooks.slack.com/services/…"


class TeamsForm(ReceiverForm):
    kind = receivers.TEAMS
    about = "Of the trigger of a workflow “when a Teams webhook request is received”."


class PagerDutyForm(ReceiverForm):
    kind = receivers.PAGERDUTY
    about = "Of an integration with Events API v2."

    region = forms.ChoiceField(label="Region", choices=(("us", "United States"), ("eu", "Europe")))

    def options(self) -> dict[str, Any]:
        return {"region": self.cleaned_data.get("region", "us")}


class TelegramForm(ReceiverForm):
    kind = receivers.TELEGRAM
    about = "As BotFather gave it; the bot has to be in the chat."

    chats = forms.CharField(
        label="Chats",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="One a line: the number of a chat, such as -1001234567890, or @ and the name of a channel.",
    )

    def options(self) -> dict[str, Any]:
        return {"chats": _lines(self.cleaned_data.get("chats", ""))}


FORMS: Mapping[str, type[ReceiverForm]] = {
    each.kind: each for each in (WebhookForm, EmailForm, SlackForm, TeamsForm, PagerDutyForm, TelegramForm)
}
