"""The form of a source of metrics. Its secret is typed once; between form and review it travels sealed, bound to where it goes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any, ClassVar

from django import forms
from django.utils import timezone

from controlplane.clusters.logic.connections import MOST_PEM
from controlplane.core.secrets import SecretUnreadable, context_for, decrypt, encrypt
from controlplane.metrics.logic.sources import SCRAPE, SERVER, SourceRequest, bound_to, problems
from controlplane.metrics.models import MetricSource, SourceKind
from controlplane.metrics.sources import request_of

PAIR = re.compile(r'\s*([a-zA-Z_]\w*)\s*=\s*"?([^"]*)"?\s*', re.ASCII)


class SourceForm(forms.Form):
    """`row`: what is stored; an empty secret leaves it as it is, for the same addresses and user."""

    refusal_fields: ClassVar = {"bundled": "kind"}

    kind = forms.ChoiceField(
        label="Where the metrics are",
        choices=SourceKind.choices,
        widget=forms.Select(attrs={"data-shows": ""}),
    )
    urls = forms.CharField(
        label="Addresses",
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=(
            "Of a server its own, such as https://prometheus.example.org. Of text one a line, by broker:"
            " 1=http://kafka-1.example.org:9404/metrics, or one for all with {broker} or {host} in it."
        ),
    )
    matchers = forms.CharField(
        label="Only series with",
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text='Labels that tell this cluster from others on the server, one a line: cluster="orders".',
    )
    username = forms.CharField(label="User", max_length=200, required=False)
    secret = forms.CharField(
        label="Password or token",
        max_length=4000,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    ca_pem = forms.CharField(
        label="CA certificate",
        max_length=MOST_PEM,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="PEM of the authority that signed its certificate. Empty: the authorities that this machine trusts.",
    )
    allow_private = forms.BooleanField(label="Allow private and loopback addresses", required=False)
    sealed = forms.CharField(max_length=20_000, required=False, widget=forms.HiddenInput())

    def __init__(self, *args: Any, row: MetricSource | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        self.row = row
        kept = (
            "Kept unless you type another; never shown."
            if row and row.secret
            else "Stored sealed, and never shown."
        )
        self.fields["secret"].help_text = f"With a user a password (basic), alone a bearer token. {kept}"

    @property
    def rows(self) -> Iterator[tuple[forms.BoundField, str, bool]]:
        """Each field, the kind that it belongs to, and whether that is chosen."""
        kind = self["kind"].value() or SCRAPE
        for field in self.visible_fields():
            only = SERVER if field.name == "matchers" else ""
            yield field, only, not only or only == kind

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if self.errors:
            return data
        request = self._asked(data)
        try:
            if not data.get("secret") and data.get("sealed"):
                data["secret"] = decrypt(data["sealed"], context=self._context(request))
                request = self._asked(data)
        except SecretUnreadable:
            self.add_error(
                "secret", "Type it again: it was typed for other addresses, another user or trust."
            )
            return data
        before = request_of(self.row) if self.row else None
        for name, found in problems(
            request, timezone.now(), before, held=bool(self.row and self.row.secret)
        ).items():
            for problem in found:
                self.add_error(name, problem)
        return data

    def _asked(self, data: dict[str, Any]) -> SourceRequest:
        server = data["kind"] == SERVER
        return SourceRequest(
            kind=data["kind"],
            urls=tuple(data["urls"].split()),
            matchers=_pairs(data.get("matchers", "")) if server else {},
            username=data.get("username", ""),
            secret=data.get("secret") or None,
            allow_private=data.get("allow_private", False),
            ca_pem=data.get("ca_pem", ""),
        )

    def _context(self, request: SourceRequest) -> str:
        bound = repr(bound_to(request))
        return context_for("metrics_metricsource", "form", hashlib.sha256(bound.encode()).hexdigest())

    def to_request(self) -> SourceRequest:
        return self._asked(self.cleaned_data)

    def sealed_now(self) -> str:
        request = self.to_request()
        return encrypt(request.secret, context=self._context(request)) if request.secret else ""

    def carried(self) -> tuple[tuple[str, str], ...]:
        """What the review page takes along: everything as typed, the secret sealed."""
        plain = [
            (n, str(self.data[n])) for n in self.fields if n in self.data and n not in ("secret", "sealed")
        ]
        sealed = self.sealed_now()
        return (*plain, *((("sealed", sealed),) if sealed else ()))

    def keep_secret(self) -> None:
        """Before the form is shown again: what was typed is not echoed, and not lost."""
        self.data = {**self.data.dict(), "sealed": self.sealed_now()}  # type: ignore[attr-defined]  # it is a QueryDict

    @classmethod
    def initial_of(cls, row: MetricSource | None) -> dict[str, Any]:
        if row is None:
            return {}
        pairs = "\n".join(f'{name}="{value}"' for name, value in sorted(row.matchers.items()))
        plain = {name: getattr(row, name) for name in ("kind", "urls", "username", "ca_pem", "allow_private")}
        return {**plain, "matchers": pairs}


def _pairs(text: str) -> dict[str, str]:
    """What is no pair keeps its text as a name that no label has, so that it is refused by name."""
    lines = [line for line in text.splitlines() if line.strip()]
    found = [(line, PAIR.fullmatch(line)) for line in lines]
    return {match[1] if match else line: match[2] if match else "" for line, match in found}
