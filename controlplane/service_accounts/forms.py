"""Input of the service account wizard: a name, how it logs in, what it may do, how much of it."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms

from controlplane.acls.forms import PLAIN, BundleForm
from controlplane.acls.logic.bundles import KINDS
from controlplane.certificates.logic.names import check_name as check_common_name
from controlplane.certificates.logic.plans import DEFAULT_DAYS, MAX_DAYS, MIN_DAYS
from controlplane.core.forms import refuse
from controlplane.quotas.forms import limit_problem
from controlplane.quotas.logic import units
from controlplane.quotas.logic.entities import BY_NAME, entity_of
from controlplane.service_accounts.services import CERTIFICATE, CreateAccount
from controlplane.users.logic.names import check_name

CREDENTIALS = (
    ("SCRAM-SHA-512", "A password (SCRAM-SHA-512)"),
    ("SCRAM-SHA-256", "A password (SCRAM-SHA-256)"),
    (CERTIFICATE, "A certificate"),
)
NO_BUNDLE = ""

USER_ENTITY = entity_of({"user": "x"})
LIMITS = ("producer_byte_rate", "consumer_byte_rate", "request_percentage", "controller_mutation_rate")
EXAMPLES = {"%": "50 %", "B/s": "10 MB/s", "/s": "5/s"}


class AccountForm(BundleForm):
    """The bundle's own fields, with the principal made of the name."""

    refusal_fields: ClassVar = {"exists": "name", "no_principal": "name"}
    principal = None  # type: ignore[assignment]  # Django takes None as: this field is not inherited
    name = forms.CharField(
        label="Name",
        max_length=64,
        help_text="The application, for example orders.svc. Brokers see it as User:name.",
        widget=forms.TextInput(attrs={**PLAIN, "autofocus": True}),
    )
    credential = forms.ChoiceField(
        label="It logs in with", choices=CREDENTIALS, widget=forms.Select(attrs={"data-shows": ""})
    )
    days = forms.IntegerField(
        label="Certificate valid for (days)",
        initial=DEFAULT_DAYS,
        min_value=MIN_DAYS,
        max_value=MAX_DAYS,
        required=False,
    )
    bundle = forms.ChoiceField(
        label="It is a",
        required=False,
        choices=(
            (NO_BUNDLE, "Nothing yet: it may log in, and no more"),
            *((b.value, k.label) for b, k in KINDS.items()),
        ),
        widget=forms.Select(attrs={"data-shows": ""}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in LIMITS:
            key = BY_NAME[name]
            self.fields[name] = forms.CharField(
                label=f"{key.label} limit",
                required=False,
                max_length=60,
                help_text=f"{key.help} For example {EXAMPLES.get(key.unit, '5')}.",
                widget=forms.TextInput(attrs=PLAIN),
            )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = self.cleaned_data
        name = data.get("name", "")
        data["principal"] = f"User:{name}"
        if data.get("bundle"):
            data = super().clean()
        if name:
            check = check_common_name if data.get("credential") == CERTIFICATE else check_name
            refuse(self, [check(name)])
        for limit in LIMITS:
            problem = limit_problem(data.get(limit, ""), USER_ENTITY, limit)
            if problem:
                self.add_error(limit, problem)
        return data

    def to_account(self) -> CreateAccount:
        data = self.cleaned_data
        limits = {name: units.parse(data[name], BY_NAME[name]) for name in LIMITS if data[name]}
        return CreateAccount(
            name=data["name"],
            credential=data["credential"],
            days=data["days"] or DEFAULT_DAYS,
            bundle=self.to_request() if data["bundle"] else None,
            quotas={name: value for name, value in limits.items() if value is not None},
        )


class RemoveForm(forms.Form):
    block = forms.BooleanField(
        required=False,
        label="Also block the principal",
        help_text="Everything is denied to it, whichever certificate or password it comes with, until the block is lifted.",
    )
