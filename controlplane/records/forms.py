"""Input of the Messages tab: where to start reading, and one record to produce."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms

from controlplane.records.logic.plans import NewRecord
from controlplane.records.logic.seek import DEFAULT_LIMIT, MAX_LIMIT, Browse, SeekMode


class BrowseForm(forms.Form):
    """Read from the query string: every field is optional, so a bare URL shows the newest records."""

    seek = forms.ChoiceField(
        label="Seek", choices=[(mode.value, mode.label) for mode in SeekMode], required=False
    )
    partition = forms.IntegerField(label="Partition", required=False, min_value=0)
    offset = forms.IntegerField(label="Offset", required=False, min_value=0)
    time = forms.DateTimeField(
        label="Time (UTC)",
        required=False,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"}),
    )
    limit = forms.IntegerField(label="Limit", required=False, min_value=1, max_value=MAX_LIMIT)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("seek") == SeekMode.OFFSET and data.get("offset") is None:
            self.add_error("offset", "From which offset?")
        if data.get("seek") == SeekMode.TIME and data.get("time") is None:
            self.add_error("time", "Since when?")
        return data

    def to_request(self) -> Browse:
        data = self.cleaned_data
        time: datetime | None = data["time"]
        return Browse(
            mode=SeekMode(data["seek"] or SeekMode.NEWEST),
            partition=data["partition"],
            offset=data["offset"],
            timestamp_ms=round(time.replace(tzinfo=UTC).timestamp() * 1000) if time else None,
            limit=data["limit"] or DEFAULT_LIMIT,
        )


class ProduceForm(forms.Form):
    key = forms.CharField(label="Key", required=False, strip=False, help_text="Empty: no key.")
    value = forms.CharField(
        label="Value",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "autofocus": True}),
    )
    tombstone = forms.BooleanField(
        label="Null value (tombstone)", required=False, help_text="Deletes the key in a compacted topic."
    )
    headers = forms.CharField(
        label="Headers",
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "placeholder": "source=shop"}),
        help_text="One name=value a line.",
    )
    partition = forms.IntegerField(
        label="Partition", required=False, min_value=0, help_text="Empty: by the key, as clients do."
    )

    def clean_headers(self) -> tuple[tuple[str, bytes | None], ...]:
        found: list[tuple[str, bytes | None]] = []
        for number, line in enumerate(self.cleaned_data["headers"].splitlines(), 1):
            name, separator, value = line.partition("=")
            if not line.strip():
                continue
            if not separator or not name.strip():
                raise forms.ValidationError(f"Line {number}: write name=value, not {line.strip()!r}.")
            found.append((name.strip(), value.strip().encode()))
        return tuple(found)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("tombstone") and not data.get("key"):
            self.add_error("key", "A tombstone needs the key that it deletes.")
        if data.get("tombstone") and data.get("value"):
            self.add_error("value", "A tombstone has no value: empty this field, or untick Null value.")
        return data

    def to_record(self) -> NewRecord:
        data = self.cleaned_data
        return NewRecord(
            key=data["key"].encode() if data["key"] else None,
            value=None if data["tombstone"] else data["value"].replace("\r\n", "\n").encode(),
            headers=data["headers"],
            partition=data["partition"],
        )
