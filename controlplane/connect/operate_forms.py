"""Forms of what is done with connectors and workers that run: offsets, automatic restarts, log levels."""

from __future__ import annotations

from typing import ClassVar

from django import forms

from controlplane.connect.forms import MOST_BYTES
from controlplane.connect.logic import restarts
from controlplane.connect.logic.levels import LEVELS, MINUTES
from controlplane.connect.logic.offsets import offsets_of
from controlplane.connect.logic.restarts import Policy
from controlplane.gateways.connect import Offset


class OffsetsForm(forms.Form):
    refusal_fields: ClassVar = {"not_stopped": "offsets"}

    offsets = forms.CharField(
        label="Offsets",
        max_length=MOST_BYTES,
        widget=forms.Textarea(attrs={"rows": 14, "spellcheck": "false", "class": "mono"}),
        help_text="JSON, as the REST API of Connect has them. An offset of null forgets that partition; one that is not named stays.",
    )

    def clean_offsets(self) -> tuple[Offset, ...]:
        try:
            return offsets_of(str(self.cleaned_data["offsets"]))
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error


class RestartForm(forms.Form):
    refusal_fields: ClassVar = {"nothing": "most"}

    most = forms.IntegerField(
        label="Restarts at most",
        initial=restarts.DEFAULT.most,
        help_text="Then it is given up, until it has been well for long, or somebody restarts or changes it.",
    )
    first_s = forms.IntegerField(
        label="First wait, in seconds",
        initial=restarts.DEFAULT.first_s,
        help_text="The first restart is at once. Before the second it waits so long, then twice as long each time.",
    )
    longest_s = forms.IntegerField(label="Longest wait, in seconds", initial=restarts.DEFAULT.longest_s)

    def clean(self) -> dict[str, object]:
        data = super().clean() or {}
        if not self.errors:
            for name, found in restarts.problems(self.to_policy()).items():
                self.add_error(name, found)
        return data

    def to_policy(self) -> Policy:
        return Policy(*(int(self.cleaned_data[name]) for name in ("most", "first_s", "longest_s")))


class LevelForm(forms.Form):
    logger = forms.CharField(
        label="Logger",
        max_length=300,
        initial="org.apache.kafka.connect",
        help_text="A class or package, with all below it; root is everything.",
    )
    level = forms.ChoiceField(label="Level", choices=[(each, each) for each in LEVELS], initial="DEBUG")
    minutes = forms.TypedChoiceField(
        label="For",
        choices=[*((each, f"{each} minutes") for each in MINUTES), ("", "until the workers restart")],
        coerce=int,
        empty_value=None,
        required=False,
        initial=15,
    )
