"""Input of the user pages. Only shapes are checked here; what is allowed is decided by the plan.

A given password is read from the first page only. To the review it travels as ciphertext in `sealed`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms

from controlplane.core.forms import refuse
from controlplane.users.logic.names import check_name, check_password
from controlplane.users.logic.plans import (
    DEFAULT_ITERATIONS,
    MAX_ITERATIONS,
    MIN_ITERATIONS,
    DeleteUser,
    SetCredentials,
)

BOTH = "both"
SEALED = "sealed"
MECHANISM_CHOICES = (
    ("SCRAM-SHA-512", "SCRAM-SHA-512"),
    ("SCRAM-SHA-256", "SCRAM-SHA-256"),
    (BOTH, "Both, with one password"),
)


def mechanisms_of(choice: str) -> tuple[str, ...]:
    return ("SCRAM-SHA-512", "SCRAM-SHA-256") if choice == BOTH else (choice,)


class CredentialsForm(forms.Form):
    mechanism = forms.ChoiceField(label="Mechanism", choices=MECHANISM_CHOICES)
    iterations = forms.IntegerField(
        label="Iterations",
        initial=DEFAULT_ITERATIONS,
        min_value=MIN_ITERATIONS,
        max_value=MAX_ITERATIONS,
        help_text="How often the password is hashed: more makes guessing and each login dearer.",
    )
    password = forms.CharField(
        label="Password",
        required=False,
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false"}),
        help_text="Empty: a strong one is generated. Your own: 12 characters or more.",
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        password = data.get("password")
        refuse(self, [check_password(password) if password else None])
        return data

    @property
    def retype(self) -> bool:
        """A password was given, and this page has it no more: it is never shown again, not even beside a mistake."""
        return self.is_bound and any(self.data.get(name) for name in ("password", SEALED))

    def credentials(self, name: str, *, given: bool) -> SetCredentials:
        data = self.cleaned_data
        return SetCredentials(name, mechanisms_of(data["mechanism"]), data["iterations"], not given)


class CreateUserForm(CredentialsForm):
    refusal_fields: ClassVar = {"exists": "name"}

    name = forms.CharField(
        label="Name",
        max_length=300,
        strip=False,
        help_text="Becomes the principal User:name in ACLs and quotas. It cannot be changed later.",
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "off", "spellcheck": "false"}),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if "name" in data:
            refuse(self, [check_name(data["name"])])
        return data


class DeleteUserForm(forms.Form):
    mechanism = forms.ChoiceField(choices=MECHANISM_CHOICES[:2], required=False)
    acls = forms.BooleanField(required=False, label="Also delete the ACLs of this principal")
    quotas = forms.BooleanField(required=False, label="Also delete the quotas of this user")

    block = forms.BooleanField(
        required=False,
        label="Also block the principal",
        help_text="Everything is denied to it, whichever certificate or password it comes with, until the block is lifted.",
    )

    def to_request(self, name: str) -> DeleteUser:
        data = self.cleaned_data
        mechanisms = (data["mechanism"],) if data["mechanism"] else ()
        return DeleteUser(name, mechanisms, data["acls"], data["quotas"], data["block"])
