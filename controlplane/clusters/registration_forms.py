"""The form of a cluster. Secrets are typed once: between form, test and review they travel sealed, and are never shown.

What is carried sealed is bound to the servers and the user that it was typed for, as what is stored is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any, ClassVar

from django import forms

from controlplane.clusters.logic.connections import (
    BY_PASSWORD,
    NOTHING_HELD,
    PLAINTEXT,
    TLS,
    ClusterRequest,
    ConnectionRequest,
    Held,
    bound_to,
    problems,
)
from controlplane.clusters.models import Cluster, Colour, ConnectionSecurity
from controlplane.core.secrets import SecretUnreadable, context_for, decrypt, encrypt

SECRETS = ("key_pem", "key_password", "password")
NAME = r"[a-z0-9][a-z0-9-]{0,39}"
NEW = {"autocomplete": "new-password"}


class SecretArea(forms.Textarea):
    """A text of several lines that a page never holds."""

    def format_value(self, value: Any) -> str | None:
        return ""


class TitleForm(forms.Form):
    """What a cluster is called: all that can be said of a bundled one."""

    title = forms.CharField(label="Title", max_length=80)
    colour = forms.ChoiceField(
        label="Colour",
        choices=Colour.choices,
        initial=Colour.NONE,
        help_text="A line over every page of it, so that nobody changes the wrong cluster.",
    )

    def to_request(self, cluster: Cluster) -> ClusterRequest:
        return ClusterRequest(cluster.name, self.cleaned_data["title"], self.cleaned_data["colour"])

    def carried(self) -> tuple[tuple[str, str], ...]:
        return tuple((name, str(self.cleaned_data[name])) for name in ("title", "colour"))

    @classmethod
    def initial_of(cls, cluster: Cluster) -> dict[str, Any]:
        return {"title": cluster.title, "colour": cluster.colour}


class ConnectionForm(TitleForm):
    """Of an external cluster. `held`: what is stored, which empty fields leave as it is."""

    refusal_fields: ClassVar = {
        "registered": "bootstrap",
        "another_cluster": "bootstrap",
        "connection": "bootstrap",
        "connection_bad_credentials": "password",
        "connection_untrusted_certificate": "ca_pem",
        "connection_client_certificate_refused": "certificate_pem",
        "connection_target_refused": "allow_private",
    }

    bootstrap = forms.CharField(
        label="Bootstrap servers",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text="host:port of one or more brokers, one a line.",
    )
    security = forms.ChoiceField(
        label="Security",
        choices=ConnectionSecurity.choices,
        initial=ConnectionSecurity.SCRAM_SHA_512,
        widget=forms.Select(attrs={"data-shows": ""}),
    )
    username = forms.CharField(label="User", max_length=200, required=False)
    password = forms.CharField(
        label="Password", max_length=1000, required=False, widget=forms.PasswordInput(attrs=NEW)
    )
    ca_pem = forms.CharField(
        label="CA certificate",
        max_length=100_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="PEM of what signed the brokers' certificates. Empty: the authorities that this machine trusts.",
    )
    check_hostname = forms.BooleanField(
        label="Check host names",
        required=False,
        initial=True,
        help_text="A broker's certificate has to be for the name or address that it is reached at.",
    )
    certificate_pem = forms.CharField(
        label="Client certificate",
        max_length=100_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="PEM, with the chain up to the authority that the listener trusts. Only where it asks for one.",
    )
    key_pem = forms.CharField(
        label="Private key",
        max_length=20_000,
        required=False,
        widget=SecretArea(attrs={"rows": 3, "spellcheck": "false", "autocomplete": "off"}),
    )
    key_password = forms.CharField(
        label="Password of the private key",
        max_length=1000,
        required=False,
        widget=forms.PasswordInput(attrs=NEW),
        help_text="Used once, to open it; the key is stored sealed.",
    )
    allow_private = forms.BooleanField(
        label="Allow private and loopback addresses",
        required=False,
        help_text="Without it Kastellan refuses to go to such an address, also when a broker advertises one.",
    )
    probe = forms.BooleanField(
        label="Probe its brokers",
        required=False,
        help_text="A record through every broker each half minute, in a topic _kastellan_probe that is created there.",
    )
    sealed = forms.CharField(max_length=200_000, required=False, widget=forms.HiddenInput())
    #: Which fields belong to which kind of security; the others are for all.
    FIELDS_OF: ClassVar = {
        "username": BY_PASSWORD,
        "password": BY_PASSWORD,
        **dict.fromkeys(
            ("ca_pem", "check_hostname", "certificate_pem", "key_pem", "key_password"), (TLS, *BY_PASSWORD)
        ),
    }

    def __init__(self, *args: Any, held: Held = NOTHING_HELD, **more: Any) -> None:
        super().__init__(*args, **more)
        self.held = held
        #: Shown only where they have to be given.
        self.needed = ("username", *(() if held.password else ("password",)))
        kept, stored = "Kept unless you type another; never shown.", "Stored sealed, and never shown again."
        self.fields["password"].help_text = (
            f"{kept} Other servers or another user need it again." if held.password else stored
        )
        self.fields["key_pem"].help_text = f"PEM. {kept if held.key else stored}"

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        try:
            data |= {name: data.get(name) or text for name, text in self._carried(data).items()}
        except SecretUnreadable:
            self.add_error(
                "password", "Type it again: it was typed for other servers, another user or trust."
            )
        if not self.errors:
            for name, found in problems(self._asked(data), self.held).items():
                for problem in found:
                    self.add_error(name, problem)
        return data

    def _asked(self, data: dict[str, Any]) -> ConnectionRequest:
        """Fields of other kinds of security, which the page hides, do not count."""
        kind = data.get("security", PLAINTEXT)
        given = {name: value for name, value in data.items() if kind in self.FIELDS_OF.get(name, (kind,))}
        return ConnectionRequest(
            bootstrap=given.get("bootstrap", ""),
            security=kind,
            ca_pem=given.get("ca_pem", ""),
            check_hostname=given.get("check_hostname", True),
            certificate_pem=given.get("certificate_pem", ""),
            key_pem=given.get("key_pem") or None,
            key_password=given.get("key_password", ""),
            username=given.get("username", ""),
            password=given.get("password") or None,
            allow_private=given.get("allow_private", False),
            probe=given.get("probe", False),
        )

    def rows(self) -> Iterator[tuple[forms.BoundField, str, bool]]:
        """Each visible field, for which kinds of security it is (empty: for all), and whether it is shown at first."""
        kind = str(self["security"].value())
        for field in self.visible_fields():
            kinds = self.FIELDS_OF.get(field.name, ())
            yield field, " ".join(map(str, kinds)), not kinds or kind in kinds

    def connection(self) -> ConnectionRequest:
        return self._asked(self.cleaned_data)

    def to_request(self, cluster: Cluster) -> ClusterRequest:
        data = self.cleaned_data
        return ClusterRequest(cluster.name, data["title"], data["colour"], self.connection())

    def _carried(self, data: dict[str, Any]) -> dict[str, str]:
        sealed = data.get("sealed", "")
        typed = any(data.get(name) for name in SECRETS)
        if not sealed or (typed and not self._fits(data)):
            return {}
        found: dict[str, str] = json.loads(decrypt(sealed, context=self._context(data)))
        return found

    def _fits(self, data: dict[str, Any]) -> bool:
        try:
            decrypt(data["sealed"], context=self._context(data))
        except SecretUnreadable:
            return False
        return True

    def _context(self, data: dict[str, Any]) -> str:
        """No row has it, and no other servers, user or trust."""
        bound = hashlib.sha256(repr(bound_to(self._asked(data))).encode()).hexdigest()
        return context_for("clusters_externalconnection", "form", bound)

    def sealed_now(self) -> str:
        """What was typed, or carried before, for the next page; for a valid form."""
        secrets = {name: self.cleaned_data[name] for name in SECRETS if self.cleaned_data.get(name)}
        return encrypt(json.dumps(secrets), context=self._context(self.cleaned_data)) if secrets else ""

    def carried(self) -> tuple[tuple[str, str], ...]:
        """What the review page takes along: everything as typed, the secrets sealed."""
        plain = [
            (name, str(self.data[name]))
            for name in self.fields
            if name in self.data and name not in (*SECRETS, "sealed")
        ]
        sealed = self.sealed_now()
        return (*plain, *((("sealed", sealed),) if sealed else ()))

    def keep_secrets(self) -> None:
        """Before the form is shown again: what was typed is not echoed, and not lost."""
        self.data = {**self.data.dict(), "sealed": self.sealed_now()}  # type: ignore[attr-defined]  # it is a QueryDict

    @classmethod
    def initial_of(cls, cluster: Cluster) -> dict[str, Any]:
        row = cluster.connection
        own = {name: getattr(row, name) for name in ("security", "username", "ca_pem", "check_hostname",
               "certificate_pem", "allow_private", "probe")}  # fmt: skip
        return {**super().initial_of(cluster), **own, "bootstrap": row.bootstrap.replace(",", "\n")}


class AddForm(ConnectionForm):
    refusal_fields: ClassVar = {
        **ConnectionForm.refusal_fields,
        "name_reserved": "name",
        "name_taken": "name",
    }

    name = forms.RegexField(
        rf"^{NAME}\Z",
        label="Name",
        max_length=40,
        help_text="Lower-case letters, digits and hyphens. It stands in addresses, metrics and the audit, and stays.",
        error_messages={
            "invalid": "Lower-case letters, digits and hyphens, beginning with a letter or digit."
        },
    )
    field_order = ("name", "title", "colour")
