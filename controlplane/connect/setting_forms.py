"""The two shapes of a connector's form, with the same content: fields from the plugin's own definitions, and JSON.

Secrets are typed once. What was typed travels sealed between form and review; pages show the mask in its place, and a
setting that comes back as the mask is the one that was typed, or else the one that is stored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from django import forms

from controlplane.connect.forms import MOST_BYTES, STATES, settings_of
from controlplane.connect.logic.confinement import is_file_connector
from controlplane.connect.services import PutConnector
from controlplane.core.secrets import SecretUnreadable, context_for, decrypt, encrypt
from controlplane.gateways.connect import MASK, Setting, State, Validation, mask, restored

Config = Mapping[str, str]
#: Django's fields of settings: beside `name` and the rest, which settings may be called as well.
PREFIX = "s-"
#: These are chosen by the page.
OWN = frozenset({"name", "connector.class"})
NUMBERS = frozenset({"INT", "SHORT", "LONG", "DOUBLE"})
MOST_CHOICES = 60


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose settings these are, and what they are now, masked. `place` is what a sealed text is bound to; `retype` are
    secrets that a clone lacks; `files` is where paths of file connectors begin, where we confine them to it."""

    place: str
    fixed_name: str = ""
    config: Config = field(default_factory=dict[str, str], repr=False)
    retype: frozenset[str] = frozenset()
    files: str = ""


class SettingsForm(forms.Form):
    """What both shapes have: a name, how it begins, what was typed before."""

    shape: ClassVar[str]

    name = forms.CharField(label="Name", max_length=200)
    initial_state = forms.ChoiceField(
        label="Begins", choices=STATES, initial=State.RUNNING.value, required=False
    )
    sealed = forms.CharField(max_length=4 * MOST_BYTES, required=False, widget=forms.HiddenInput())

    def __init__(self, data: Mapping[str, Any] | None, origin: Origin, initial: Mapping[str, Any]) -> None:
        self.origin = origin
        self.typed = self._unsealed(str((data or {}).get("sealed", "")))
        if data is not None and "carried" in data:
            data = {**data, **self.fields_of(mask(self.typed, self.secret))}
        super().__init__(data, initial=dict(initial))
        if origin.fixed_name:
            del self.fields["name"]
            del self.fields["initial_state"]

    @property
    def secret(self) -> frozenset[str]:
        """Settings that the plugin calls passwords."""
        return frozenset()

    def fields_of(self, config: Config) -> dict[str, str]:
        """The fields that hold a configuration, as a browser would send them."""
        raise NotImplementedError

    def given(self) -> dict[str, str]:
        """The configuration as it was sent, masks included; raises ValidationError."""
        raise NotImplementedError

    def meant(self) -> dict[str, str]:
        return restored(self.given(), self.typed, self.secret)

    def to_request(self) -> PutConnector:
        given = self.cleaned_data
        name = self.origin.fixed_name or given["name"]
        state = State.of(given.get("initial_state") or State.RUNNING.value)
        return PutConnector(name, self.meant(), state)

    def keep_secrets(self) -> None:
        """Before the form is shown again: what was typed is not echoed, and not lost."""
        try:
            config = self.meant()
        except forms.ValidationError:
            return
        self.typed = config
        plain = {name: self.data[name] for name in ("name", "initial_state") if name in self.data}
        self.data = {**plain, **self.fields_of(mask(config, self.secret)), "sealed": self.sealed_of(config)}

    def carried(self) -> tuple[tuple[str, str], ...]:
        """What the review page takes along."""
        plain = [(name, str(self.data[name])) for name in ("name", "initial_state") if name in self.data]
        return (*plain, ("shape", self.shape), ("carried", "1"), ("sealed", self.sealed_of(self.meant())))

    def sealed_of(self, config: Config) -> str:
        return encrypt(json.dumps(dict(config)), context=self._context)

    def _unsealed(self, text: str) -> dict[str, str]:
        try:
            found: dict[str, str] = json.loads(decrypt(text, context=self._context)) if text else {}
        except SecretUnreadable:
            return {}
        return found

    @property
    def _context(self) -> str:
        return context_for("connect_connector", "form", self.origin.place)


class JsonForm(SettingsForm):
    """JSON in both shapes that Kafka Connect knows: flat, or `{"name": …, "config": {…}}`."""

    shape = "json"

    config = forms.CharField(
        label="Settings",
        max_length=MOST_BYTES,
        widget=forms.Textarea(attrs={"rows": 18, "spellcheck": "false", "class": "mono"}),
        help_text="JSON. A value that is shown as [hidden] keeps what is stored.",
    )
    field_order = ("name", "config", "initial_state")

    def fields_of(self, config: Config) -> dict[str, str]:
        return {"config": json.dumps({k: v for k, v in sorted(config.items()) if k != "name"}, indent=2)}

    def given(self) -> dict[str, str]:
        return settings_of(str(self.data.get("config", "")))

    def clean_config(self) -> dict[str, str]:
        return settings_of(str(self.cleaned_data["config"]))


class SecretInput(forms.PasswordInput):
    """Shows that there is something, and never what."""

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, None, attrs)
        context["widget"]["value"] = MASK if value else None
        return context


class DefinitionForm(SettingsForm):
    """A field for each setting that the plugin has; what it does not know is in `extra`, as lines."""

    shape = "form"

    extra = forms.CharField(
        label="Other settings",
        required=False,
        max_length=MOST_BYTES,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "class": "mono"}),
        help_text="That the plugin does not list, such as those of transforms: name=value, one a line.",
    )

    def __init__(
        self, data: Mapping[str, Any] | None, origin: Origin, initial: Mapping[str, Any], found: Validation
    ) -> None:
        self.found = found
        self.settings = {each.name: each for each in found.settings if each.name not in OWN}
        if origin.files and is_file_connector({"connector.class": found.plugin}) and "file" in self.settings:
            # The plugin's own words promise the standard input, which a worker does not have.
            words = f"A path below {origin.files}, in.txt say."
            self.settings["file"] = replace(self.settings["file"], required=True, documentation=words)
        super().__init__(data, origin, initial)
        for each in self.settings.values():
            self.fields[f"{PREFIX}{each.name}"] = field_of(each, origin)
        self.refusal_fields = {f"config_{name}": f"{PREFIX}{name}" for name in self.settings} | (
            {"file": f"{PREFIX}file"} if "file" in self.settings else {}
        )

    @property
    def secret(self) -> frozenset[str]:
        return frozenset(name for name, each in self.settings.items() if each.type == "PASSWORD")

    def fields_of(self, config: Config) -> dict[str, str]:
        own = {f"{PREFIX}{name}": value for name, value in config.items() if name in self.settings}
        rest = {k: v for k, v in sorted(config.items()) if k not in self.settings and k not in OWN}
        # A value of several lines has its line ends written as in a properties file.
        lines = [f"{name}={value}".replace("\\", "\\\\").replace("\n", "\\n") for name, value in rest.items()]
        return {**own, "extra": "\n".join(lines)}

    def given(self) -> dict[str, str]:
        own = {
            name: str(self.data.get(f"{PREFIX}{name}", "")).replace("\r\n", "\n") for name in self.settings
        }
        kept = {name: value for name, value in own.items() if value or self.origin.config.get(name) == ""}
        return {"connector.class": self.found.plugin, **kept, **pairs_of(str(self.data.get("extra", "")))}

    def clean_extra(self) -> dict[str, str]:
        return pairs_of(str(self.cleaned_data["extra"]))

    def groups(self) -> Iterator[tuple[str, list[tuple[Setting, forms.BoundField]], bool]]:
        """(title, its fields, whether it is open): what has to be given, what is the plugin's own, then groups in their order."""
        rows = [(each, self[f"{PREFIX}{each.name}"]) for each in self.settings.values()]
        shown = [row for row in rows if row[0].visible or row[1].value()]
        yield "Required", [row for row in shown if _is_needed(row[0])], True
        rest = [row for row in shown if not _is_needed(row[0])]
        for group in dict.fromkeys(("", *self.found.groups, *(each.group for each, _ in rest))):
            fields = [row for row in rest if row[0].group == group]
            told = any(bound.value() or bound.errors for _, bound in fields)
            if fields:
                yield group or "Of the plugin", fields, told or not group


def _is_needed(setting: Setting) -> bool:
    return setting.required and setting.default in (None, "")


def field_of(setting: Setting, origin: Origin) -> forms.Field:
    """Never more than text of the right shape: what is right is the plugin's to say, and a value may be a reference."""
    again = setting.name in origin.retype
    field = _choice(setting, origin) or forms.CharField(widget=_widget(setting, origin), strip=False)
    field.label = setting.name
    field.required = again
    field.help_text = "It is not cloned: type it again." if again else setting.documentation
    return field


def _choice(setting: Setting, origin: Origin) -> forms.Field | None:
    if setting.secret:
        return None
    values = ("true", "false") if setting.type == "BOOLEAN" else setting.recommended
    if not values or setting.type == "LIST" or len(values) > MOST_CHOICES:
        return None
    present = origin.config.get(setting.name, "")
    default = f"default: {setting.default}" if setting.default not in (None, "") else "—"
    every = dict.fromkeys((*values, *((present,) if present else ())))
    return AnyChoice(choices=[("", default), *((value, value) for value in every)])


class AnyChoice(forms.ChoiceField):
    """Whether a value is right is the plugin's to say."""

    def valid_value(self, value: Any) -> bool:
        return True


def _widget(setting: Setting, origin: Origin) -> forms.Widget:
    attrs = {"spellcheck": "false", "autocomplete": "off"}
    if setting.default not in (None, ""):
        attrs["placeholder"] = str(setting.default)
    if setting.secret:
        return SecretInput(attrs={"autocomplete": "new-password"})
    if "\n" in origin.config.get(setting.name, ""):
        return forms.Textarea(attrs={**attrs, "rows": 3, "class": "mono"})
    if setting.type in NUMBERS:
        attrs["inputmode"] = "numeric"
    return forms.TextInput(attrs=attrs)


def pairs_of(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.strip():
            raise forms.ValidationError(f"Line {number} is no name=value.")
        found[name.strip()] = _plain(value.strip())
    return found


def _plain(value: str) -> str:
    return "\\".join(part.replace("\\n", "\n") for part in value.split("\\\\"))
