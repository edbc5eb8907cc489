"""Forms of the account, token and user pages."""

from __future__ import annotations

import zoneinfo
from typing import TYPE_CHECKING

from django import forms
from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError

from controlplane.accounts.models import RoleChoice, User, UserPreferences
from controlplane.core.access import EVERY_CLUSTER, Action, Role

if TYPE_CHECKING:
    PreferencesBase = forms.ModelForm[UserPreferences]
else:  # Django's forms cannot be subscripted at run time
    PreferencesBase = forms.ModelForm


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


class PreferencesForm(PreferencesBase):
    class Meta:
        model = UserPreferences
        fields = ("theme", "density", "time_zone", "shortcuts")
        labels = {"density": "Row height", "time_zone": "Time zone", "shortcuts": "Single-key shortcuts"}
        help_texts = {
            "time_zone": "UTC, or such as Europe/Berlin. Empty: the browser's. The exact UTC time is always on hover.",
            "shortcuts": "g t, / and ?. Off where they disturb, as with speech input.",
        }

    def clean_time_zone(self) -> str:
        name: str = self.cleaned_data["time_zone"].strip()
        if name and name not in zoneinfo.available_timezones():
            raise ValidationError("There is no such time zone. They are called Area/City.")
        return name


class TokenForm(forms.Form):
    name = forms.CharField(max_length=80, help_text="What it is for, so that you know it again.")
    role = forms.ChoiceField(choices=RoleChoice.choices, help_text="At most your own.")
    days = forms.IntegerField(label="Valid for (days)", min_value=1, max_value=365, initial=90)
    scopes = forms.MultipleChoiceField(
        required=False,
        choices=[(action.value, action.value) for action in Action],
        help_text="Nothing selected: all that the role may do.",
    )

    def to_scopes(self) -> list[Action] | None:
        chosen = self.cleaned_data["scopes"]
        return [Action(value) for value in chosen] if chosen else None


class GrantForm(forms.Form):
    cluster = forms.RegexField(
        regex=r"^(\*|[a-z0-9][a-z0-9_-]{0,39})$",
        initial=EVERY_CLUSTER,
        help_text="A cluster's name, or * for every cluster and this installation.",
    )
    role = forms.ChoiceField(choices=RoleChoice.choices)

    def to_roles(self) -> dict[str, Role]:
        return {self.cleaned_data["cluster"]: Role(self.cleaned_data["role"])}


class InviteForm(GrantForm):
    username = forms.CharField(max_length=80, help_text="Lower-case letters, digits and . _ @ -")
    field_order = ("username", "role", "cluster")
