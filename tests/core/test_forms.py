"""Where a refusal stands on a form."""

from __future__ import annotations

from typing import ClassVar

import pytest
from django import forms

from controlplane.core.errors import Invalid, Refused
from controlplane.core.forms import field_of, show_on
from controlplane.core.plans import Refusal
from controlplane.gateways.errors import Unreachable


class Sample(forms.Form):
    refusal_fields: ClassVar = {"exists": "name", "min_isr": "min_insync"}

    name = forms.CharField()
    partition = forms.IntegerField(required=False)
    partition_count = forms.IntegerField(required=False)
    min_insync = forms.IntegerField(required=False)


@pytest.mark.parametrize(
    ("code", "field"),
    [
        ("name", "name"),
        ("name_too_long", "name"),
        ("exists", "name"),
        ("partition", "partition"),
        ("partition_count_high", "partition_count"),
        ("min_isr", "min_insync"),
        ("names", None),
        ("broker", None),
    ],
)
def test_a_refusal_stands_at_the_field_of_its_code(code: str, field: str | None) -> None:
    assert field_of(Sample(), code) == field


def test_each_refusal_says_what_and_what_to_do_and_the_values_stay() -> None:
    form = Sample({"name": "orders", "partition": "3"})
    assert form.is_valid()
    show_on(form, Refused([Refusal("exists", "It exists", "Take another."), Refusal("busy", "Busy", "")]))
    assert form.errors["name"] == ["It exists. Take another."]
    assert form.non_field_errors() == ["Busy"]
    assert form["name"].value() == "orders"


def test_other_failures_stand_on_top() -> None:
    form = Sample({"name": "orders"})
    assert form.is_valid()
    show_on(form, Unreachable("No broker answers", "Are they running?"))
    show_on(form, Invalid(fields={"name": ["Too short."], "elsewhere": ["Odd."]}))
    assert form.non_field_errors() == ["No broker answers. Are they running?", "Odd."]
    assert form.errors["name"] == ["Too short."]
