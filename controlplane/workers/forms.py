"""The forms of a cluster's Connect worker."""

from __future__ import annotations

from django import forms

from controlplane.workers.logic.plans import WorkerAct, WorkerRequest


class StartForm(forms.Form):
    exactly_once = forms.BooleanField(
        required=False,
        label="Exactly once for source connectors",
        help_text="Sources write records and their offsets in one transaction (KIP-618): nothing comes twice after a crash, "
        "for a little less throughput. MirrorMaker can use it too.",
    )

    def to_request(self, act: WorkerAct) -> WorkerRequest:
        return WorkerRequest(act, bool(self.cleaned_data["exactly_once"]))
