"""The forms of a new flow, and of what one may lose."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from django import forms

from controlplane.replication.logic.flows import CHECKPOINT_S, REFRESH_S, SHORTEST_RPO_S, FlowRequest, Policy

POLICIES = (
    (
        Policy.PREFIX.value,
        "with the source's name and a dot before them: for both directions, and for a fan-in",
    ),
    (Policy.IDENTITY.value, "kept: for one direction only, clients need no change"),
)
NAMES_HELP = "One per line, or separated by commas. A final * is a prefix, * alone is all, ! before a name leaves it out."


class ObjectiveForm(forms.Form):
    """What a flow may lose at most (RPO); empty: nobody says."""

    rpo_s = forms.IntegerField(
        label="May lose at most, in seconds",
        required=False,
        min_value=SHORTEST_RPO_S,
        max_value=31_536_000,
        help_text="The objective (RPO): the flow's page compares with it, and its alerts use it. Empty: they warn at 60 s.",
    )
    rpo_records = forms.IntegerField(
        label="May lose at most, in records",
        required=False,
        min_value=1,
        max_value=10**12,
        help_text="Beside the seconds, or instead of them. Empty: records alone raise no alert.",
    )


class FlowForm(ObjectiveForm):
    """Into the cluster of the page, from another."""

    refusal_fields: ClassVar = {
        "same_cluster": "source",
        "exists": "source",
        "loop": "policy",
        "two_sources": "policy",
        "not_exactly_once": "exactly_once",
    }

    source = forms.ChoiceField(label="Copy from")
    topics = forms.CharField(
        label="Topics",
        initial="*",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=NAMES_HELP,
    )
    groups = forms.CharField(
        label="Consumer groups",
        initial="*",
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text="Whose offsets are translated, in the same notation.",
    )
    policy = forms.ChoiceField(label="Names of copies", choices=POLICIES, initial=Policy.PREFIX.value)
    sync_offsets = forms.BooleanField(
        required=False,
        initial=True,
        label="Commit translated offsets in the target",
        help_text="For groups that have no member there. Otherwise they are translated and shown only.",
    )
    sync_configs = forms.BooleanField(
        required=False,
        initial=True,
        label="Follow the settings of topics",
        help_text="But for min.insync.replicas.",
    )
    sync_acls = forms.BooleanField(
        required=False,
        label="Follow the ACLs of topics",
        help_text="Of single topics, not of prefixes. ALLOW WRITE is not copied, since nobody but the flow should write copies.",
    )
    exactly_once = forms.BooleanField(
        required=False,
        label="Exactly once",
        help_text="Records and positions in one transaction; only what was committed is read. The worker must allow it.",
    )
    copy_users = forms.BooleanField(
        required=False,
        label="Make the users that the target lacks",
        help_text="SCRAM users of the source, once, with new passwords that are shown when the flow is made.",
    )
    copy_quotas = forms.BooleanField(
        required=False,
        label="Make the quotas that the target lacks",
        help_text="Once, with the values of the source.",
    )
    tasks_max = forms.IntegerField(
        label="Tasks", initial=2, min_value=1, max_value=64, help_text="How many read side by side."
    )
    refresh_s = forms.IntegerField(
        label="Look for new topics and groups, in seconds",
        required=False,
        initial=REFRESH_S,
        min_value=1,
        max_value=86_400,
    )
    checkpoint_s = forms.IntegerField(
        label="Translate offsets, in seconds",
        required=False,
        initial=CHECKPOINT_S,
        min_value=1,
        max_value=86_400,
        help_text="How old a group's place in the target may be.",
    )

    field_order = ("source", "topics", "groups", "policy", "rpo_s", "rpo_records")

    def __init__(self, data: object, target: str, sources: Sequence[tuple[str, str]]) -> None:
        super().__init__(data)  # type: ignore[arg-type]
        self.target = target
        field = self.fields["source"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = list(sources)

    def to_request(self) -> FlowRequest:
        given = self.cleaned_data
        return FlowRequest(
            source=given["source"],
            target=self.target,
            topics=names_in(given["topics"]),
            groups=names_in(given["groups"]),
            policy=Policy(given["policy"]),
            sync_configs=given["sync_configs"],
            sync_acls=given["sync_acls"],
            sync_offsets=given["sync_offsets"],
            exactly_once=given["exactly_once"],
            copy_users=given["copy_users"],
            copy_quotas=given["copy_quotas"],
            tasks_max=given["tasks_max"],
            refresh_s=given["refresh_s"] or REFRESH_S,
            checkpoint_s=given["checkpoint_s"] or CHECKPOINT_S,
            rpo_s=given["rpo_s"],
            rpo_records=given["rpo_records"],
        )


def names_in(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in re.split(r"[\s,]+", text) if name))
