"""The form of an external Connect cluster. Its password is typed once; between form and review it travels sealed."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

from django import forms
from django.utils import timezone

from controlplane.connect import external
from controlplane.connect.logic.external import ExternalRequest, bound_to, problems
from controlplane.connect.models import ConnectCluster
from controlplane.core.secrets import SecretUnreadable, context_for, decrypt, encrypt


class ExternalForm(forms.Form):
    """`row`: what is stored; an empty password leaves it as it is, for the same address, user and trust."""

    refusal_fields: ClassVar = {"nothing": "url"}

    name = forms.CharField(
        label="Name",
        max_length=40,
        help_text="Lower-case letters, digits and hyphens. It stands in addresses and the audit, and stays.",
    )
    url = forms.CharField(
        label="Address",
        max_length=500,
        help_text="Of its REST API, such as https://connect.example.org:8083. Of a group of workers any one, or what balances them.",
    )
    username = forms.CharField(label="User", max_length=200, required=False)
    password = forms.CharField(
        label="Password",
        max_length=1000,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    ca_pem = forms.CharField(
        label="CA certificate",
        max_length=100_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="PEM of what signed its certificate. Empty: the authorities that this machine trusts.",
    )
    allow_private = forms.BooleanField(
        label="Allow private and loopback addresses",
        required=False,
        help_text="Without it Kastellan refuses to go to such an address.",
    )
    sealed = forms.CharField(max_length=20_000, required=False, widget=forms.HiddenInput())

    def __init__(self, *args: Any, row: ConnectCluster | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        self.row = row
        if row is not None:
            del self.fields["name"]
        kept = "Kept unless you type another; never shown."
        self.fields["password"].help_text = (
            kept if row and row.password else "Stored sealed, and never shown again."
        )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if self.errors:
            return data
        try:
            if not data.get("password") and data.get("sealed"):
                data["password"] = decrypt(data["sealed"], context=self._context(self._asked(data)))
        except SecretUnreadable:
            self.add_error("password", "Type it again: it was typed for another address, user or trust.")
            return data
        now = external.registered(self.row) if self.row else None
        for name, found in problems(self._asked(data), timezone.now(), now).items():
            for problem in found:
                self.add_error(name, problem)
        return data

    def _asked(self, data: dict[str, Any]) -> ExternalRequest:
        return ExternalRequest(
            name=self.row.name if self.row else data["name"],
            url=data["url"],
            username=data.get("username", ""),
            password=data.get("password") or None,
            ca_pem=data.get("ca_pem", ""),
            allow_private=data.get("allow_private", False),
        )

    def _context(self, request: ExternalRequest) -> str:
        bound = hashlib.sha256(repr(bound_to(request)).encode()).hexdigest()
        return context_for("connect_connectcluster", "form", bound)

    def to_request(self) -> ExternalRequest:
        return self._asked(self.cleaned_data)

    def carried(self) -> tuple[tuple[str, str], ...]:
        """What the review page takes along: everything as typed, the password sealed."""
        plain = [
            (name, str(self.data[name]))
            for name in self.fields
            if name in self.data and name not in ("password", "sealed")
        ]
        request = self.to_request()
        if request.password:
            plain.append(("sealed", encrypt(request.password, context=self._context(request))))
        return tuple(plain)

    @classmethod
    def initial_of(cls, row: ConnectCluster | None) -> dict[str, Any]:
        names = ("url", "username", "ca_pem", "allow_private")
        return {name: getattr(row, name) for name in names} if row else {}
