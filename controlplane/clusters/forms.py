"""Input of the broker pages. Only shapes are checked here; what is allowed is decided by the plan."""

from __future__ import annotations

from typing import ClassVar

from django import forms

from controlplane.clusters.logic.removal_plans import Removal


class RemoveBrokerForm(forms.Form):
    refusal_fields: ClassVar = {"hosts_replicas": "move_replicas"}

    move_replicas = forms.BooleanField(
        label="Move its replicas to the other brokers first",
        required=False,
        initial=True,
        help_text="Without this, a broker that hosts replicas is not removed.",
    )
    delete_data = forms.BooleanField(
        label="Delete its data directory",
        required=False,
        help_text="Otherwise it is set aside in the data directory of Kastellan, for you to delete.",
    )

    def to_request(self, broker: int) -> Removal:
        data = self.cleaned_data
        return Removal(broker, move_replicas=data["move_replicas"], delete_data=data["delete_data"])
