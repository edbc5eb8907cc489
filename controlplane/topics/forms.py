"""Input of the topic pages. Only shapes are checked here; what is allowed is decided by the plan."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms

from controlplane.topics.logic.plans import AlterConfigs, CreateTopic

RETENTION_CHOICES = (
    ("", "Broker default"),
    ("3600000", "1 hour"),
    ("86400000", "1 day"),
    ("604800000", "7 days"),
    ("2592000000", "30 days"),
    ("31536000000", "1 year"),
    ("-1", "Unlimited"),
)
CLEANUP_CHOICES = (
    ("", "Broker default"),
    ("delete", "Delete: drop old segments"),
    ("compact", "Compact: keep the newest record of each key"),
    ("compact,delete", "Compact and delete"),
)


class CreateTopicForm(forms.Form):
    refusal_fields: ClassVar = {
        "exists": "name",
        "collision": "name",
        "min_isr": "min_insync_replicas",
    }

    name = forms.CharField(
        label="Name",
        max_length=300,
        help_text="Letters, digits, '.', '_' and '-'. It cannot be changed later.",
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "off", "spellcheck": "false"}),
    )
    partitions = forms.IntegerField(
        label="Partitions", initial=6, min_value=1, help_text="Can grow later, never shrink."
    )
    replication_factor = forms.IntegerField(
        label="Replication factor", initial=3, min_value=1, help_text="3 survives the loss of one broker."
    )
    min_insync_replicas = forms.IntegerField(
        label="Min in-sync replicas",
        required=False,
        min_value=1,
        help_text="Empty: the broker default. With 2 of 3, acks=all survives one broker.",
    )
    cleanup_policy = forms.ChoiceField(label="Clean-up policy", choices=CLEANUP_CHOICES, required=False)
    retention_ms = forms.ChoiceField(label="Retention", choices=RETENTION_CHOICES, required=False)
    configs = forms.CharField(
        label="More settings",
        required=False,
        widget=forms.Textarea(
            attrs={"rows": 3, "spellcheck": "false", "placeholder": "segment.bytes=104857600"}
        ),
        help_text="One name=value a line, as in kafka-topics.sh --config.",
    )

    def clean_configs(self) -> dict[str, str]:
        return parse_lines(self.cleaned_data["configs"])

    def to_request(self) -> CreateTopic:
        data: dict[str, Any] = self.cleaned_data
        picked = {
            "min.insync.replicas": data["min_insync_replicas"],
            "cleanup.policy": data["cleanup_policy"],
            "retention.ms": data["retention_ms"],
        }
        configs = {name: str(value) for name, value in picked.items() if value not in (None, "")}
        return CreateTopic(
            name=data["name"].strip(),
            partitions=data["partitions"],
            replication_factor=data["replication_factor"],
            configs={**configs, **data["configs"]},
        )


def parse_lines(text: str) -> dict[str, str]:
    configs: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        name, separator, value = line.partition("=")
        if not separator or not name.strip():
            raise forms.ValidationError(f"Line {number}: write name=value, not {line.strip()!r}.")
        if name.strip() in configs:
            raise forms.ValidationError(f"Line {number}: {name.strip()} is set twice.")
        configs[name.strip()] = value.strip()
    return configs


class AlterConfigForm(forms.Form):
    """One setting of the Settings tab: a new value, or back to the default."""

    config = forms.CharField(max_length=200)
    value = forms.CharField(required=False, max_length=20_000, strip=True)
    reset = forms.BooleanField(required=False)

    @property
    def name(self) -> str:
        """Of the setting, in shape or not."""
        return str(self.data.get("config", ""))

    def to_request(self) -> AlterConfigs:
        name = self.cleaned_data["config"]
        if self.cleaned_data["reset"]:
            return AlterConfigs({}, (name,))
        return AlterConfigs({name: self.cleaned_data["value"]})


class AddPartitionsForm(forms.Form):
    partitions = forms.IntegerField(label="Partitions in all", min_value=1)
