"""Made-up values for the catalogue of components, so that each state can be looked at and tested. Nothing is real."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.http import QueryDict

from controlplane.core.access import Action
from controlplane.core.plans import Affected, Change, Plan, PlanStep, Refusal, Risk, StepKind
from controlplane.core.tables import Column, Table
from controlplane.core.templatetags.kastellan import ICONS


@dataclass(frozen=True, slots=True)
class Age:
    taken_at: datetime | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    state: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    partitions: int
    out_of_sync: int
    records: int | None
    size: int | None


class SampleForm(forms.Form):
    name = forms.CharField(help_text="Letters, digits, dot, dash, underscore.")
    partitions = forms.IntegerField(initial=6, min_value=1)
    cleanup = forms.ChoiceField(
        label="Clean-up policy", choices=(("delete", "delete"), ("compact", "compact"))
    )
    note = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), required=False)
    internal = forms.BooleanField(label="Show internal topics", required=False)


ROWS = (
    Row("orders", 6, 0, 1_284_311, 1_213_004_212),
    Row("payments.settlements.eu-central-1.v2", 12, 2, 88_231, 42_112_004),
    Row("clicks", 24, 0, None, None),
    Row("__consumer_offsets", 50, 0, 9_120, 1_102_331),
)
COLUMNS = (
    Column("name", "Topic name"),
    Column("partitions", "Partitions", numeric=True),
    Column("out_of_sync", "Out of sync replicas", numeric=True),
    Column("records", "Messages ≈", numeric=True, title="End minus first offsets: an estimate"),
    Column("size", "Size", numeric=True),
)


def samples(query: QueryDict, now: datetime) -> dict[str, Any]:
    return {
        "ages": (
            Age(now - timedelta(seconds=4)),
            Age(now - timedelta(minutes=6), "no broker answers"),
            Age(None),
        ),
        "tones": ("ok", "info", "warn", "critical", "unknown"),
        "tabs": (
            ("overview", "Overview", "#o"),
            ("messages", "Messages", "#m"),
            ("settings", "Settings", "#s"),
        ),
        "table": Table(ROWS, COLUMNS, 251, 2, 6, 50, query.get("sort", "-size"), ""),
        "form": SampleForm(initial={"name": "orders"}),
        "broken_form": SampleForm({"partitions": "0", "cleanup": "delete"}, auto_id="broken_%s"),
        "icons": tuple(ICONS),
        "steps": (
            Step("Check that every partition stays at min ISR", "done", "12 partitions, all in sync"),
            Step("Restart broker 1", "running", "waiting until it is in sync again"),
            Step("Restart broker 2", "waiting"),
            Step("Elect preferred leaders", "failed", "broker 3 did not answer within 10 s"),
        ),
        "plans": (_alter(), _delete(), _refused()),
        "before": now - timedelta(hours=3),
        "longest": "payments.settlements.eu-central-1." * 5 + "v2",
    }


def _alter() -> Plan:
    return Plan(
        action=Action.TOPIC_EDIT,
        title="Change 2 settings of orders",
        apply_label="Change 2 settings",
        cluster="main",
        steps=(
            PlanStep(
                StepKind.ALTER,
                "topic",
                "orders",
                (
                    Change("retention.ms", "604800000", "86400000", "7 days → 1 day"),
                    Change("cleanup.policy", "delete", "compact,delete"),
                    Change("min.insync.replicas", None, "2"),
                    Change("segment.bytes", "536870912", None, "back to the default, 1 GiB"),
                ),
            ),
        ),
        risk=Risk.DISRUPTIVE,
        digest="3f" * 32,
        warnings=("About 1,020,000 records older than 1 day will be deleted within 5 minutes.",),
        affected=(
            Affected("group", "billing", "#billing", "12,400 records behind; the oldest would be lost"),
            Affected("group", "search-indexer", "#search"),
        ),
        undo="Revert on the operation's page puts the old values back; deleted records do not return.",
        commands=(
            "kafka-configs.sh --bootstrap-server 127.0.0.1:19094 --alter --entity-type topics --entity-name orders "
            "--add-config retention.ms=86400000,cleanup.policy=[compact,delete]",
        ),
    )


def _delete() -> Plan:
    return Plan(
        action=Action.TOPIC_DELETE,
        title="Delete orders",
        apply_label="Delete 1 topic",
        cluster="main",
        steps=(
            PlanStep(StepKind.DELETE, "topic", "orders", summary="6 partitions, 1.2 GB, 1,284,311 records"),
        ),
        risk=Risk.DESTRUCTIVE,
        digest="aa" * 32,
        affected=(Affected("group", "billing", "#billing", "has 3 members now"),),
        commands=("kafka-topics.sh --bootstrap-server 127.0.0.1:19094 --delete --topic orders",),
        confirm_name="orders",
    )


def _refused() -> Plan:
    return Plan(
        action=Action.TOPIC_EDIT,
        title="Add partitions to orders",
        apply_label="Add partitions",
        cluster="main",
        steps=(PlanStep(StepKind.CREATE, "partition", "orders-6", (Change("replicas", None, "1, 2, 3"),)),),
        risk=Risk.REVERSIBLE,
        digest="bb" * 32,
        refusals=(Refusal("fewer", "orders has 6 partitions already", "Kafka cannot take partitions away."),),
    )
