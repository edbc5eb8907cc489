"""A mute time as a form: its name, and a row for each interval. A row in which nothing is said is left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.utils import timezone

from controlplane.alerts.logic import mute_rows, mute_times, mute_words
from controlplane.alerts.logic.mute_rows import Row
from controlplane.alerts.logic.mute_times import BadInterval
from controlplane.alerts.logic.mute_words import FROM_MONDAY, SHORT_DAYS, SHORT_MONTHS, Muted

ADD_ROW, IN_WORDS = "add-row", "in-words"
MOST_ROWS = 100
#: What is written and not chosen, by its name in Alertmanager's shape.
TYPED = {"days": "days_of_month", "years": "years"}
WEEK = [(str(day), SHORT_DAYS[day]) for day in FROM_MONDAY]
YEAR = [(str(month), SHORT_MONTHS[month]) for month in range(1, 13)]
PARTS = ("weekdays", "start", "end", "days", "months", "years", "location")


def _zones() -> list[tuple[str, str]]:
    return [("", "UTC"), *((name, name) for name in sorted(available_timezones()) if name != "UTC")]


def _fields() -> dict[str, forms.Field]:
    boxes, clock = forms.CheckboxSelectMultiple, {"type": "time"}
    return {
        "weekdays": forms.MultipleChoiceField(label="Weekdays", required=False, choices=WEEK, widget=boxes),
        "start": forms.TimeField(label="From", required=False, widget=forms.TimeInput(attrs=clock, format="%H:%M")),
        "end": forms.TimeField(
            label="To", required=False, widget=forms.TimeInput(attrs=clock, format="%H:%M"),
            help_text="Not included. Earlier than From: over midnight.",
        ),
        "days": forms.CharField(
            label="Days of the month", required=False, max_length=400,
            help_text="Such as 1:7, 15. Negative from the end: -1 is the last day.",
        ),
        "months": forms.MultipleChoiceField(label="Months", required=False, choices=YEAR, widget=boxes),
        "years": forms.CharField(label="Years", required=False, max_length=400, help_text="Such as 2026:2028."),
        "location": forms.ChoiceField(label="Time zone", required=False, choices=_zones),
    }  # fmt: skip


class MuteTimeForm(forms.Form):
    name = forms.CharField(label="Name", max_length=100)
    rows = forms.IntegerField(
        min_value=1, max_value=MOST_ROWS, required=False, widget=forms.HiddenInput, initial=1
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        initial: dict[str, Any] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(data, initial=initial, **more)
        self.count = _count(data["rows"] if data and "rows" in data else (initial or {}).get("rows"))
        asked = data.get("edit") if data else None
        if asked == ADD_ROW and self.count < MOST_ROWS:
            self.count += 1
        self.wants_words = asked == IN_WORDS
        for number in range(self.count):
            for name, field in _fields().items():
                self.fields[f"row{number}-{name}"] = field

    def parts(self) -> Iterator[tuple[forms.BoundField, ...]]:
        """The fields of each row."""
        for number in range(self.count):
            yield tuple(self[f"row{number}-{name}"] for name in PARTS)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        found = []
        for number in range(self.count):
            row = self._row(number, data)
            if row is None or not row.says_when:
                continue
            document = mute_rows.document_of(row)
            for name, key in TYPED.items():
                self._check(f"row{number}-{name}", {key: document.get(key)})
            found.append(document)
        if not found and not self.errors:
            raise forms.ValidationError(
                "Say when: weekdays, times, days, months or years. What says nothing would be always."
            )
        data["intervals"] = found
        return data

    def _check(self, field: str, part: dict[str, Any]) -> None:
        try:
            mute_times.parse(part)
        except BadInterval as error:
            self.add_error(field, f"{error}.")

    def _row(self, number: int, data: Mapping[str, Any]) -> Row | None:
        part = {name: data.get(f"row{number}-{name}") for name in PARTS}
        start, end = part["start"], part["end"]
        if (start is None) != (end is None) or (
            start is not None and start == end and start.hour + start.minute
        ):
            self.add_error(
                f"row{number}-{'start' if start is None else 'end'}",
                "From and To belong together, and differ.",
            )
            return None
        return Row(
            weekdays=tuple(map(int, part["weekdays"] or ())),
            start=None if start is None else start.hour * 60 + start.minute,
            end=None if end is None else end.hour * 60 + end.minute,
            days=part["days"] or "",
            months=tuple(map(int, part["months"] or ())),
            years=part["years"] or "",
            location=part["location"] or "",
        )

    @property
    def words(self) -> tuple[str, Muted] | None:
        """What it says and whether it holds now; None while something is wrong with it."""
        return described(self.cleaned_data["intervals"]) if self.is_valid() else None

    def to_document(self) -> dict[str, Any]:
        return {"name": self.cleaned_data["name"], "time_intervals": self.cleaned_data["intervals"]}

    @staticmethod
    def initial_of(each: Mapping[str, Any]) -> dict[str, Any]:
        rows = [row for document in each["time_intervals"] for row in mute_rows.rows_of(document)]
        found: dict[str, Any] = {"name": each["name"], "rows": max(len(rows), 1)}
        for number, row in enumerate(rows):
            found |= {f"row{number}-{name}": value for name, value in _initial(row).items()}
        return found


def _initial(row: Row) -> dict[str, Any]:
    return {
        "weekdays": list(map(str, row.weekdays)),
        "start": None if row.start is None else mute_words.clock(row.start),
        "end": None if row.end is None else mute_words.clock(row.end),
        "days": row.days,
        "months": list(map(str, row.months)),
        "years": row.years,
        "location": row.location,
    }


def _count(value: Any) -> int:
    text = str(value)
    return min(max(int(text), 1), MOST_ROWS) if text.isascii() and text.isdigit() and len(text) < 4 else 1


def described(intervals: list[Any]) -> tuple[str, Muted]:
    parsed = tuple(map(mute_times.parse, intervals))
    return mute_words.describe(parsed), mute_words.muted(parsed, timezone.now())
