"""Forms of the routing: a node of the tree, an inhibition, labels to try. Mute times have a module of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms

from controlplane.alerts.logic import matchers
from controlplane.alerts.logic.matchers import BadMatcher
from controlplane.alerts.logic.routing import EVERYBODY, NOBODY

INHERITED = "inherit"
NOBODY_KEY = "nobody"
PLAIN = {"spellcheck": "false"}


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


class RouteForm(forms.Form):
    """Empty is what the node above says."""

    receiver = forms.ChoiceField(label="Receiver")
    matchers = forms.CharField(
        label="Matchers",
        required=False,
        max_length=8000,
        widget=forms.Textarea(attrs={"rows": 3, **PLAIN}),
        help_text='One a line: severity="critical", topic=~"orders.*". All have to match.',
    )
    group_by = forms.CharField(
        label="Group by",
        required=False,
        max_length=1000,
        help_text="Labels, such as alertname cluster; ... is all.",
    )
    group_wait = forms.CharField(label="Wait before the first message", required=False, max_length=40)
    group_interval = forms.CharField(label="Between messages of a group", required=False, max_length=40)
    repeat_interval = forms.CharField(label="Repeat after", required=False, max_length=40)
    goes_on = forms.BooleanField(
        label="Go on to the next route",
        required=False,
        help_text="What it takes is offered to its siblings too.",
    )
    mute = forms.MultipleChoiceField(label="Muted during", required=False)
    active = forms.MultipleChoiceField(label="Only during", required=False)

    def __init__(
        self, *args: Any, receivers: Iterable[str], intervals: Iterable[str], root: bool = False, **more: Any
    ) -> None:
        super().__init__(*args, **more)
        names = list(intervals)
        inherited = [] if root else [(INHERITED, "as above")]
        everybody = [(EVERYBODY, "every receiver"), (NOBODY_KEY, "nobody")]
        self.fields["receiver"].choices = [*inherited, *everybody, *((each, each) for each in receivers)]  # type: ignore[attr-defined]
        for name in ("mute", "active"):
            self.fields[name].choices = [(each, each) for each in names]  # type: ignore[attr-defined]
            if root or not names:
                del self.fields[name]
        if root:
            del self.fields["matchers"], self.fields["goes_on"]

    def to_node(self) -> dict[str, Any]:
        data = self.cleaned_data
        found: dict[str, Any] = {}
        if data["receiver"] != INHERITED:
            found["receiver"] = NOBODY if data["receiver"] == NOBODY_KEY else data["receiver"]
        if lines(data.get("matchers", "")):
            found["matchers"] = lines(data["matchers"])
        if data["group_by"].strip():
            found["group_by"] = data["group_by"].replace(",", " ").split()
        for name in ("group_wait", "group_interval", "repeat_interval"):
            if data[name]:
                found[name] = data[name]
        if data.get("goes_on"):
            found["continue"] = True
        for name, key in (("mute", "mute_time_intervals"), ("active", "active_time_intervals")):
            if data.get(name):
                found[key] = data[name]
        return found

    @staticmethod
    def initial_of(node: Mapping[str, Any]) -> dict[str, Any]:
        receiver = node.get("receiver", INHERITED)
        return {
            "receiver": NOBODY_KEY if receiver == NOBODY else receiver,
            "matchers": "\n".join(node.get("matchers") or []),
            "group_by": " ".join(node.get("group_by") or []),
            "goes_on": node.get("continue", False),
            "mute": node.get("mute_time_intervals") or [],
            "active": node.get("active_time_intervals") or [],
            **{name: node.get(name, "") for name in ("group_wait", "group_interval", "repeat_interval")},
        }


class InhibitionForm(forms.Form):
    name = forms.CharField(label="Name", max_length=100)
    source = forms.CharField(
        label="While an alert fires that matches", max_length=8000, widget=forms.Textarea(attrs={"rows": 2, **PLAIN}),
        help_text='One matcher a line, such as alertname="BrokerDown".',
    )  # fmt: skip
    target = forms.CharField(
        label="alerts are kept quiet that match",
        max_length=8000,
        widget=forms.Textarea(attrs={"rows": 2, **PLAIN}),
    )
    equal = forms.CharField(
        label="and have the same",
        required=False,
        max_length=1000,
        help_text="Labels, such as cluster broker.",
    )

    def to_document(self) -> dict[str, Any]:
        data = self.cleaned_data
        return {
            "name": data["name"],
            "source_matchers": lines(data["source"]),
            "target_matchers": lines(data["target"]),
            "equal": data["equal"].replace(",", " ").split(),
        }

    @staticmethod
    def initial_of(each: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "name": each["name"],
            "source": "\n".join(each["source_matchers"]),
            "target": "\n".join(each["target_matchers"]),
            "equal": " ".join(each["equal"]),
        }


class LabelsForm(forms.Form):
    labels = forms.CharField(
        label="Labels of an alert",
        max_length=4000,
        widget=forms.TextInput(attrs={**PLAIN, "placeholder": 'alertname="BrokerDown" severity="critical"'}),
        help_text='Such as alertname="BrokerDown", severity="critical", cluster="main".',
    )

    def clean_labels(self) -> dict[str, str]:
        try:
            found = matchers.parse(self.cleaned_data["labels"].replace('" ', '", '))
        except BadMatcher as error:
            raise forms.ValidationError(f"{error}.") from error
        if any(each.op is not matchers.Op.EQUAL for each in found):
            raise forms.ValidationError("An alert's labels are equal to something: only =.")
        return {each.name: each.value for each in found}
