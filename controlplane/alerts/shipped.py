"""Brings the shipped rules and inhibitions into the database. An upgrade replaces what nobody has changed."""

from __future__ import annotations

import hashlib
from dataclasses import astuple
from datetime import datetime

from django.conf import settings
from django.db import transaction

from controlplane.alerts.models import Beat, InhibitionRule, RouteTree, Rule
from controlplane.alerts.shipped_rules import INHIBITIONS, RULES, Shipped
from controlplane.core import durations

GROUP = "kastellan"
OWNER = "Kastellan"


def digest() -> str:
    return hashlib.sha256(
        repr((tuple(map(astuple, RULES)), INHIBITIONS, settings.BASE_URL)).encode()
    ).hexdigest()


def sync(now: datetime) -> bool:
    """Once per version: the evaluator calls it in every cycle, and finds its stamp."""
    wanted = digest()
    if Beat.objects.filter(pk=1, shipped=wanted).exists():
        return False
    with transaction.atomic():
        for each in RULES:
            _sync_rule(each, now)
        Rule.objects.filter(shipped=True, edited=False).exclude(
            name__in=[each.name for each in RULES]
        ).delete()
        # Whoever has written the routing has taken over what inhibits what as well.
        for name, source, target, equal in () if RouteTree.objects.exists() else INHIBITIONS:
            InhibitionRule.objects.update_or_create(
                name=name,
                defaults={"source": [source], "target": [target], "equal": list(equal), "shipped": True},
            )
        Beat.objects.update_or_create(pk=1, defaults={"shipped": wanted})
    return True


def _sync_rule(each: Shipped, now: datetime) -> None:
    found = fields_of(each)
    row = Rule.objects.filter(group=GROUP, name=each.name).first()
    if row is None:
        Rule.objects.create(
            group=GROUP,
            name=each.name,
            enabled=not each.off,
            shipped=True,
            owner=OWNER,
            created_at=now,
            updated_at=now,
            **found,
        )
    elif row.shipped and not row.edited and any(getattr(row, name) != value for name, value in found.items()):
        Rule.objects.filter(pk=row.pk).update(**found, updated_at=now, version=row.version + 1)


def fields_of(each: Shipped) -> dict[str, object]:
    return {
        "expr": each.expr,
        "hold": durations.parse(each.hold),
        "keep_firing": durations.parse(each.keep),
        "labels": {"severity": each.severity},
        "annotations": {
            "summary": each.summary,
            "description": each.description,
            "runbook_url": f"{settings.BASE_URL}/manual/alerts/#{each.name.lower()}",
        },
    }
