"""Input of the certificate pages. Only shapes are checked here; what is allowed is decided by the plan."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms

from controlplane.certificates.logic.csr import MAX_BYTES, read_request
from controlplane.certificates.logic.names import check_name
from controlplane.certificates.logic.plans import (
    DEFAULT_DAYS,
    MAX_DAYS,
    MIN_DAYS,
    IssueCertificate,
    RenewCertificate,
    days_refusal,
)
from controlplane.certificates.logic.state import Reason
from controlplane.certificates.logic.watch_plans import WatchEndpoint
from controlplane.core.forms import refuse
from controlplane.core.plans import Refusal


class PublicText(forms.Textarea):
    """Shows what was posted again, unless a private key is in it: that is never shown, not even beside its mistake."""

    def format_value(self, value: object) -> str | None:
        text = super().format_value(value)
        return None if text and "PRIVATE KEY" in text else text


def no_private_key(text: str) -> None:
    if "PRIVATE KEY" in text:
        raise forms.ValidationError("A private key is in this text. Keep it to yourself, and give the rest.")


CSR_WIDGET = PublicText(
    attrs={
        "rows": 5,
        "spellcheck": "false",
        "autocomplete": "off",
        "placeholder": "-----BEGIN CERTIFICATE REQUEST-----",
    }
)


class IssueForm(forms.Form):
    refusal_fields: ClassVar = {
        "name": "common_name",
        "no_principal": "common_name",
        "hosts": "csr",
        "key_compromised": "csr",
    }

    common_name = forms.CharField(
        label="Name",
        max_length=200,
        help_text="The application that will use it, for example orders.svc. Brokers make the principal of it.",
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "off", "spellcheck": "false"}),
    )
    days = forms.IntegerField(
        label="Valid for (days)",
        initial=DEFAULT_DAYS,
        help_text=f"From {MIN_DAYS} to {MAX_DAYS}. Short lives limit what a lost key can do; renewing is one click.",
    )
    csr = forms.CharField(
        label="Signing request",
        required=False,
        max_length=4 * MAX_BYTES,
        widget=CSR_WIDGET,
        validators=[no_private_key],
        help_text="Leave it empty to have the key made here and handed over once. With a request, the key stays with "
        "its owner; only the key and the alternative names are taken from it.",
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        name, days, csr = data.get("common_name"), data.get("days"), data.get("csr")
        request = read_request(csr) if csr and csr.strip() else None
        refuse(
            self,
            [
                check_name(name.strip()) if name is not None else None,
                days_refusal(days) if days is not None else None,
                request if isinstance(request, Refusal) else None,
            ],
        )
        return data

    def to_request(self) -> IssueCertificate:
        data = self.cleaned_data
        return IssueCertificate(data["common_name"].strip(), data["days"], data["csr"])


class RenewForm(forms.Form):
    days = forms.IntegerField(
        label="Valid for (days)", initial=DEFAULT_DAYS, help_text=f"From {MIN_DAYS} to {MAX_DAYS}."
    )
    csr = forms.CharField(
        label="New signing request",
        required=False,
        max_length=4 * MAX_BYTES,
        widget=CSR_WIDGET,
        validators=[no_private_key],
        help_text="Leave it empty to go on with the same key.",
    )

    def __init__(self, *args: object, with_csr: bool, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        if not with_csr:
            del self.fields["csr"]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        days, csr = data.get("days"), data.get("csr")
        request = read_request(csr) if csr and csr.strip() else None
        refuse(
            self,
            [
                days_refusal(days) if days is not None else None,
                request if isinstance(request, Refusal) else None,
            ],
        )
        return data

    def to_request(self) -> RenewCertificate:
        return RenewCertificate(self.cleaned_data["days"], self.cleaned_data.get("csr", ""))


class RevokeForm(forms.Form):
    reason = forms.ChoiceField(
        label="Reason",
        choices=[(reason.value, reason.words) for reason in Reason],
        help_text="It stands in the revocation list. A key that others may have is never certified again.",
    )

    def to_reason(self) -> Reason:
        return Reason(self.cleaned_data["reason"])


class WatchForm(forms.Form):
    refusal_fields: ClassVar = {"exists": "host", "target_refused": "host"}

    host = forms.CharField(
        label="Host",
        max_length=253,
        help_text="A name or an address: an external broker, a Connect worker, a registry, a webhook.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    port = forms.IntegerField(label="Port", min_value=1, max_value=65535, initial=443)
    label = forms.CharField(label="Label", max_length=80, required=False, help_text="What it is to you.")

    def clean_host(self) -> str:
        """People paste addresses; what is meant is said, and not guessed."""
        text = str(self.cleaned_data["host"]).strip()
        bare = text.partition("://")[2] or text
        bare = bare.partition("/")[0]
        host, colon, port = bare.rpartition(":")
        if colon and port.isdigit() and ":" not in host:
            bare = host
        if bare == text:
            return text
        said = f"Only the host: {bare}." if bare else "Only a host."
        if colon and port.isdigit():
            said += f" The port {port} goes into the field beside it."
        raise forms.ValidationError(said)

    def to_request(self) -> WatchEndpoint:
        data = self.cleaned_data
        return WatchEndpoint(data["host"].strip().lower(), data["port"], data["label"].strip())
