"""Input of the quota pages. Limits are written with units; what is allowed is decided by the plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from controlplane.core.forms import sentence
from controlplane.gateways.kafka.access_types import QuotaEntity
from controlplane.quotas.logic import units
from controlplane.quotas.logic.entities import (
    BY_NAME,
    CLIENT_ID,
    FIELDS,
    IP,
    KEYS,
    USER,
    check_entity,
    check_value,
    entity_of,
    keys_for,
)
from controlplane.quotas.logic.plans import AlterQuotas

#: Each kind of entity: its choice, the words, and which of its parts are named (True) or the default (False).
SCOPES: tuple[tuple[str, str, Mapping[str, bool]], ...] = (
    ("user", "A user", {USER: True}),
    ("user-default", "Every user without a quota of its own (default user)", {USER: False}),
    ("client", "A client id", {CLIENT_ID: True}),
    ("client-default", "Every client id without a quota of its own (default client id)", {CLIENT_ID: False}),
    ("user-client", "A user with a client id", {USER: True, CLIENT_ID: True}),
    ("user-client-default", "A user with any other client id", {USER: True, CLIENT_ID: False}),
    ("user-default-client", "Any other user with a client id", {USER: False, CLIENT_ID: True}),
    (
        "user-default-client-default",
        "Any other user with any other client id",
        {USER: False, CLIENT_ID: False},
    ),
    ("ip", "An IP address", {IP: True}),
    ("ip-default", "Every IP address without a quota of its own (default)", {IP: False}),
)
PARTS: Mapping[str, Mapping[str, bool]] = {name: parts for name, _, parts in SCOPES}
LIMITS = tuple(key.name for key in KEYS)


def scope_of(entity: QuotaEntity) -> str:
    wanted = {kind: name is not None for kind, name in entity}
    return next((name for name, parts in PARTS.items() if dict(parts) == wanted), "user")


def shown_for(kind: str, *, named: bool = True) -> str:
    """For `data-for`: the scopes in which a field has a meaning."""
    return " ".join(name for name, parts in PARTS.items() if kind in parts and (parts[kind] or not named))


class QuotaForm(forms.Form):
    scope = forms.ChoiceField(
        label="For",
        choices=[(name, label) for name, label, _ in SCOPES],
        widget=forms.Select(attrs={"data-shows": True}),
    )
    user = forms.CharField(
        label="User", required=False, strip=False, max_length=1000,
        help_text="reports, or User:reports; for certificates the whole name as the brokers see it.",
    )  # fmt: skip
    client_id = forms.CharField(label="Client id", required=False, strip=False, max_length=1000)
    ip = forms.CharField(label="IP address", required=False, max_length=100)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for key in KEYS:
            example = {"B/s": "10 MB/s", "%": "50 %"}.get(key.unit, "5 /s")
            self.fields[key.name] = forms.CharField(
                label=key.label,
                required=False,
                max_length=60,
                help_text=f"{key.help} Empty: no limit here. For example {example}.",
                widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
            )

    def clean_user(self) -> str:
        return bare_user(str(self.cleaned_data["user"]))

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        entity = self.entity(data)
        for key in KEYS:
            shown = key in keys_for(entity)
            problem = limit_problem(data.get(key.name, ""), entity if shown else None, key.name)
            if problem:
                self.add_error(key.name, problem)
        refusal = check_entity(entity)
        if refusal:
            part = next((FIELDS[kind] for kind, named in self.parts(data).items() if named), None)
            self.add_error(part, f"{refusal.what}. {refusal.hint}")
        return data

    def parts(self, data: Mapping[str, Any]) -> Mapping[str, bool]:
        return PARTS.get(data.get("scope", ""), {})

    def entity(self, data: Mapping[str, Any]) -> QuotaEntity:
        parts = self.parts(data)
        return entity_of(
            {kind: data.get(FIELDS[kind], "") if named else None for kind, named in parts.items()}
        )

    def to_request(self) -> AlterQuotas:
        """Every limit of the form: what is empty is removed. A limit that is not for the entity is left to the plan."""
        data = self.cleaned_data
        entity = self.entity(data)
        legal = {key.name for key in keys_for(entity)}
        values = {key.name: units.parse(data[key.name], key) for key in KEYS if data[key.name]}
        return AlterQuotas(entity, {**dict.fromkeys(sorted(legal)), **values})


def initial_of(entity: QuotaEntity, values: Mapping[str, float]) -> dict[str, str]:
    names = {FIELDS[kind]: name for kind, name in entity if name is not None}
    limits = {key.name: units.exact(values[key.name], key) for key in KEYS if key.name in values}
    return {"scope": scope_of(entity), **names, **limits}


def entity_from(data: Mapping[str, Any]) -> QuotaEntity:
    return entity_of({kind: data[field] or None for kind, field in FIELDS.items() if field in data})


def limit_problem(text: str, entity: QuotaEntity | None, key_name: str) -> str:
    """What is wrong with a limit as it was written; empty for none. Without an entity only whether it can be read."""
    key = BY_NAME[key_name]
    if not text:
        return ""
    value = units.parse(text, key)
    if value is None:
        return f"{text!r} is not understood. Write a number with its unit."
    refusal = check_value(entity, key_name, value) if entity is not None else None
    return sentence(refusal.what, refusal.hint) if refusal else ""


class EffectiveForm(forms.Form):
    """A user, with the client id or without; or an address, for the connections from it."""

    use_required_attribute = False
    user = forms.CharField(
        label="User",
        required=False,
        max_length=1000,
        strip=False,
        help_text="reports, or User:reports.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    client_id = forms.CharField(
        label="Client id",
        required=False,
        max_length=1000,
        strip=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    ip = forms.CharField(
        label="Or an IP address",
        required=False,
        max_length=100,
        help_text="What limits new connections from there.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_user(self) -> str:
        return bare_user(str(self.cleaned_data["user"]))

    def clean_ip(self) -> str:
        text = str(self.cleaned_data["ip"])
        refusal = check_entity(entity_of({IP: text})) if text else None
        if refusal:
            raise forms.ValidationError(sentence(refusal.what, refusal.hint))
        return text

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if not self.errors and not (data.get("user") or data.get("ip")):
            self.add_error("user", "Name a user, or an address.")
        elif data.get("user") and data.get("ip"):
            self.add_error("ip", "A user or an address, not both: Kafka decides them apart.")
        return data


def bare_user(text: str) -> str:
    """Quotas take the bare name; whoever comes from the ACLs writes the principal."""
    return text.removeprefix("User:")
