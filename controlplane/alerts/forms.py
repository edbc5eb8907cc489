"""Input of the alerting pages. Shapes only; what is allowed is decided by services."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar, cast

from django import forms
from django.utils import timezone

from controlplane.alerts.logic.common_cases import Case, Draft, draft
from controlplane.alerts.logic.documents import LONGEST
from controlplane.alerts.services.previewing import RANGES
from controlplane.alerts.services.ruling import RuleRequest
from controlplane.alerts.services.silencing import SilenceRequest
from controlplane.core import durations
from controlplane.core.forms import NO_TEXT, text_of

SEVERITIES = (("critical", "critical"), ("warning", "warning"), ("info", "info"))
SILENCE_LENGTHS = (
    ("1h", "1 hour"), ("4h", "4 hours"), ("8h", "8 hours"), ("1d", "1 day"), ("3d", "3 days"), ("1w", "1 week"),
)  # fmt: skip


class DurationField(forms.CharField):
    """As Prometheus writes durations; cleaned to a timedelta."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=40, **options)

    def clean(self, value: Any) -> Any:
        text = str(super().clean(value) or "0s")
        try:
            return durations.parse(text)
        except durations.BadDuration as error:
            raise forms.ValidationError(f"{error}.") from error


class AcknowledgeForm(forms.Form):
    comment = forms.CharField(
        label="What you do about it", required=False, max_length=1000, widget=forms.TextInput()
    )


class SilenceForm(forms.Form):
    matchers = forms.CharField(
        label="Matchers",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text='One a line: alertname="BrokerDown", broker=~"1|2", severity!="critical". All have to match.',
    )
    length = forms.ChoiceField(label="For", choices=SILENCE_LENGTHS, initial="4h")
    comment = forms.CharField(label="Why", max_length=1000, widget=forms.TextInput())

    def to_request(self, cluster: str) -> SilenceRequest:
        data = self.cleaned_data
        lines = tuple(line.strip() for line in data["matchers"].splitlines() if line.strip())
        ends = timezone.now() + durations.parse(data["length"])
        return SilenceRequest(lines, ends, data["comment"], cluster=cluster)


class PreviewForm(forms.Form):
    """What of the rule's form a preview needs; the name can be thought of later."""

    expr = forms.CharField(label="Condition", max_length=8000)
    hold = DurationField(label="For", required=False)
    keep_firing = DurationField(label="Keep firing for", required=False)
    range = forms.ChoiceField(choices=[(key, each.words) for key, each in RANGES.items()])

    def to_request(self, before: RuleRequest | None = None) -> RuleRequest:
        data = self.cleaned_data
        kept = before or RuleRequest(name="Preview", expr="")
        return replace(kept, expr=data["expr"], hold=data["hold"], keep_firing=data["keep_firing"])


class CaseForm(forms.Form):
    """The few questions of a common case."""

    name = forms.CharField(max_length=249)
    measure = forms.ChoiceField(label="What counts")
    limit = forms.FloatField(
        label="Limit",
        required=False,
        min_value=0,
        max_value=1e15,
        help_text="In the unit named with what counts. Left empty, the usual one that stands there.",
    )
    minutes = forms.IntegerField(
        label="For how many minutes", min_value=0, max_value=10_080, initial=5, help_text="0: at once."
    )

    def __init__(self, case: Case, *args: Any, names: Iterable[str] = (), **more: Any) -> None:
        super().__init__(*args, **more)
        self.case = case
        measure = cast("forms.ChoiceField", self.fields["measure"])
        measure.choices = [
            (each.key, f"{each.label} ({each.unit}; usually {each.limit:,g})") for each in case.measures
        ]
        if not case.named:
            del self.fields["name"]
            return
        name = self.fields["name"]
        name.label = {"consumergroup": "Consumer group", "topic": "Topic"}[case.named]
        name.required = case.required
        name.widget.attrs["list"] = "known-names"
        if not case.required:
            name.help_text = "Left empty: each of them."
        self.names = tuple(names)

    def to_draft(self) -> Draft:
        data = self.cleaned_data
        measure = self.case.measure(data["measure"])
        limit = measure.limit if data["limit"] is None else data["limit"]
        return draft(self.case, measure, limit, data["minutes"], data.get("name", ""))


class LabelsField(forms.CharField):
    """A label a line, `team=payments`; cleaned to a mapping."""

    widget = forms.Textarea(attrs={"rows": 2, "spellcheck": "false"})

    def clean(self, value: Any) -> Any:
        found: dict[str, str] = {}
        for line in str(super().clean(value) or "").splitlines():
            name, is_there, text = line.partition("=")
            if not line.strip():
                continue
            if not is_there:
                raise forms.ValidationError(f"{line.strip()!r} is no label: name=value.")
            found[name.strip()] = text.strip().removeprefix('"').removesuffix('"')
        return found


class RuleForm(forms.Form):
    refusal_fields: ClassVar = {"exists": "name"}

    name = forms.CharField(label="Name", max_length=200)
    expr = forms.CharField(
        label="Condition",
        max_length=8000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "data-promql": ""}),
        help_text="PromQL: each series that it gives is an alert.",
    )
    hold = DurationField(label="For", initial="5m", help_text="How long it has to hold before it fires.")
    keep_firing = DurationField(
        label="Keep firing for", initial="0s", help_text="How long it goes on after the condition has ended."
    )
    severity = forms.ChoiceField(label="Severity", choices=SEVERITIES, initial="warning")
    summary = forms.CharField(
        label="Summary",
        max_length=1000,
        widget=forms.TextInput(),
        help_text="{{ $labels.broker }} and {{ $value }} are filled in.",
    )
    description = forms.CharField(
        label="What to do", required=False, max_length=4000, widget=forms.Textarea(attrs={"rows": 2})
    )
    runbook = forms.CharField(
        label="Runbook",
        required=False,
        max_length=2000,
        widget=forms.URLInput(attrs={"placeholder": "https://"}),
        help_text="Where it says what to do; a link in every message.",
    )
    labels = LabelsField(
        label="Labels",
        required=False,
        max_length=4000,
        help_text="One a line, such as team=payments: routes choose by them.",
    )
    everywhere = forms.BooleanField(label="On every cluster", required=False)
    enabled = forms.BooleanField(label="Switched on", required=False, initial=True)

    def to_request(self, cluster: str, before: RuleRequest | None = None) -> RuleRequest:
        data = self.cleaned_data
        kept = before or RuleRequest(name=data["name"], expr="")
        texts = {
            "summary": data["summary"],
            "description": data["description"],
            "runbook_url": data["runbook"],
        }
        annotations = {**kept.annotations, **texts}
        return RuleRequest(
            name=data["name"],
            expr=data["expr"],
            hold=data["hold"],
            keep_firing=data["keep_firing"],
            labels={**data["labels"], "severity": data["severity"]},
            annotations={name: text for name, text in annotations.items() if text},
            group=kept.group,
            cluster="" if data["everywhere"] else cluster,
            enabled=data["enabled"],
        )

    @staticmethod
    def initial_of(request: RuleRequest) -> dict[str, Any]:
        return {
            "name": request.name,
            "expr": request.expr,
            "hold": durations.text_of(request.hold),
            "keep_firing": durations.text_of(request.keep_firing),
            "severity": request.labels.get("severity", "warning"),
            "summary": request.annotations.get("summary", ""),
            "description": request.annotations.get("description", ""),
            "runbook": request.annotations.get("runbook_url", ""),
            "labels": "\n".join(
                f"{name}={text}" for name, text in request.labels.items() if name != "severity"
            ),
            "everywhere": not request.cluster,
            "enabled": request.enabled,
        }


class RuleTestForm(forms.Form):
    tests = forms.CharField(
        label="Tests",
        max_length=LONGEST,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 16, "spellcheck": "false", "class": "mono"}),
        help_text="A file as for promtool test rules; its rule_files are not read.",
    )
    rules = forms.CharField(
        label="Rules",
        required=False,
        max_length=LONGEST,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "class": "mono"}),
        help_text="Groups of rules in YAML. Left empty, the rules that are set up here are tested.",
    )


class FileForm(forms.Form):
    """A text, pasted or as a file."""

    refusal_fields: ClassVar = {"nothing": "text"}
    #: One of the two.
    needed = ("text", "file")

    text = forms.CharField(
        label="Text",
        required=False,
        max_length=LONGEST,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 14, "spellcheck": "false", "class": "mono"}),
    )
    file = forms.FileField(label="Or a file", required=False)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        upload = data.get("file")
        if upload is not None and upload.size > LONGEST:
            self.add_error("file", "At most 1 MB.")
        elif upload is not None:
            data["text"] = text_of(upload.read())
            if data["text"] is None:
                self.add_error("file", NO_TEXT)
        if not data.get("text") and "file" not in self.errors:
            self.add_error("text", "Paste a text or choose a file.")
        return data


class RuleFileForm(FileForm):
    everywhere = forms.BooleanField(
        label="On every cluster", required=False, help_text="Otherwise the rules hold on this cluster alone."
    )
