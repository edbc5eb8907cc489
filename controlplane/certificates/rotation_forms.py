"""Input of the pages that replace an authority's key: whose the next one is."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar

from django import forms

from controlplane.certificates.forms import PublicText, no_private_key

#: The key on its way from the review back here: ciphertext for one person, cluster and authority.
SEALED = "sealed_key"


class Source(StrEnum):
    OWN = "own"
    SIGNED = "signed"
    UPLOADED = "uploaded"


SOURCES = (
    (Source.OWN.value, "A new authority of Kastellan's own"),
    (Source.SIGNED.value, "Ours, signed by your company's authority (our request, your signature)"),
    (Source.UPLOADED.value, "Your company's authority, with its key"),
)


class Unechoed(forms.Textarea):
    """A text that is posted and never shown again, not even beside its own mistake."""

    def format_value(self, value: Any) -> str | None:
        return None


def _pem(rows: int, begins: str, kind: type[forms.Textarea] = PublicText) -> forms.Textarea:
    return kind(
        attrs={
            "rows": rows,
            "spellcheck": "false",
            "autocomplete": "off",
            "placeholder": f"-----BEGIN {begins}-----",
        }
    )


class BeginForm(forms.Form):
    """`key` and `password` are posted once, and carried to the next request only as ciphertext."""

    #: Shown only for sources that cannot do without them.
    needed: ClassVar = frozenset({"chain", "key"})
    shown_for: ClassVar = {
        "chain": (Source.SIGNED, Source.UPLOADED),
        "key": (Source.UPLOADED,),
        "password": (Source.UPLOADED,),
    }

    source = forms.ChoiceField(
        label="The next authority",
        choices=SOURCES,
        initial=Source.OWN.value,
        widget=forms.Select(attrs={"data-shows": ""}),
    )
    chain = forms.CharField(
        label="Its certificates",
        required=False,
        max_length=64 * 1024,
        widget=_pem(6, "CERTIFICATE"),
        validators=[no_private_key],
        help_text="PEM: the authority that will issue, and all above it up to and with the root. In any order.",
    )
    key = forms.CharField(
        label="Its private key",
        required=False,
        max_length=64 * 1024,
        widget=_pem(4, "PRIVATE KEY", Unechoed),
        help_text="Only for an authority that you bring with its key. It is sealed at once and never shown again.",
    )
    password = forms.CharField(
        label="Password of the key",
        required=False,
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        source = data.get("source")
        if source in (Source.SIGNED, Source.UPLOADED) and not data.get("chain"):
            self.add_error("chain", "Give its certificate, and the way up to the root.")
        if source == Source.UPLOADED and not (data.get("key") or self.data.get(SEALED)):
            self.add_error("key", "Give the key of the certificate that will issue.")
        if source == Source.OWN and (data.get("chain") or data.get("key")):
            self.add_error(
                "source", "Certificates or a key are given: choose where they belong, or empty the fields."
            )
        return data

    @property
    def parts(self) -> tuple[tuple[forms.BoundField, str, bool], ...]:
        """Field, the sources it belongs to, and whether it is shown now: also where something stands in it."""
        source = self["source"].value()
        return tuple(
            (self[name], " ".join(sources), source in sources or bool(self.data.get(name)))
            for name, sources in self.shown_for.items()
        )
