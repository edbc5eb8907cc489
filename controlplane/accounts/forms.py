"""Forms of the account, token and user pages."""

from __future__ import annotations

from django import forms
from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError

from controlplane.accounts.models import User


class SetPasswordForm(forms.Form):
    password = forms.CharField(
        label="New password",
        help_text="At least 12 characters. A sentence is easy to remember.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "autofocus": True}),
        strip=False,
    )
    again = forms.CharField(
        label="The same again",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        strip=False,
    )

    def __init__(self, *args: object, user: User, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.user = user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        password_validation.validate_password(password, self.user)
        return password

    def clean(self) -> dict[str, object]:
        data: dict[str, object] = super().clean() or {}
        if "password" in data and data["password"] != data.get("again"):
            raise ValidationError({"again": "The two passwords differ."})
        return data
