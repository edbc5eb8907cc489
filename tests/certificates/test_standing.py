"""One state of each certificate, what its badge says, and that the filters of the list return exactly what they name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from controlplane.certificates import listing
from controlplane.certificates.logic.expiry import Span
from controlplane.certificates.logic.standing import Facts, Standing
from controlplane.certificates.models import Certificate
from controlplane.certificates.trust import Trust
from controlplane.clusters.models import Cluster

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
VALID = Facts(False, False, Span(NOW - DAY, NOW + 90 * DAY, NOW))
OVER = Span(NOW - 9 * DAY, NOW - DAY, NOW)


@pytest.mark.parametrize(
    ("facts", "standing", "words"),
    [
        (VALID, Standing.VALID, "valid"),
        (replace(VALID, blocked=True), Standing.VALID, "valid, blocked"),
        (replace(VALID, blocked=None), Standing.VALID, "valid"),
        (replace(VALID, span=OVER), Standing.EXPIRED, "expired"),
        (replace(VALID, replaced=True), Standing.REPLACED, "replaced"),
        (replace(VALID, replaced=True, trusted=False), Standing.UNTRUSTED, "untrusted"),
        (replace(VALID, trusted=False, span=OVER), Standing.EXPIRED, "expired"),
        (replace(VALID, revoked=True), Standing.REVOKED, "revoked, still accepted"),
        (replace(VALID, revoked=True, blocked=True), Standing.REVOKED, "revoked, blocked"),
        (replace(VALID, revoked=True, blocked=None), Standing.REVOKED, "revoked, perhaps still accepted"),
        (replace(VALID, revoked=True, trusted=None), Standing.REVOKED, "revoked, perhaps still accepted"),
        (replace(VALID, revoked=True, trusted=False), Standing.REVOKED, "revoked, untrusted"),
        (replace(VALID, revoked=True, span=OVER), Standing.REVOKED, "revoked, ended"),
    ],
)
def test_each_stands_in_one_way(facts: Facts, standing: Standing, words: str) -> None:
    assert (facts.standing, facts.words) == (standing, words)
    assert facts.still_accepted is (None if "perhaps" in words else words == "revoked, still accepted")
    assert facts.tone in ("ok", "warn", "critical", "unknown")


@pytest.mark.django_db
def test_each_filter_returns_exactly_its_state(cluster: Cluster) -> None:
    """Every combination of facts, each certificate in the list of its own state and in no other."""
    now = timezone.now()
    for revoked in (None, now):
        for replaced in ("", "ff"):
            for issuer in ("gone", "kept"):
                for days in (-1, 10, 90):
                    number = Certificate.objects.count()
                    Certificate.objects.create(
                        cluster=cluster, serial=f"{number:x}", common_name=f"n{number}", principal=f"User:n{number}",
                        issuer=issuer, not_before=now - 200 * DAY, not_after=now + days * DAY, issued_at=now,
                        revoked_at=revoked, replaced_by=replaced, origin="generated",
                    )  # fmt: skip
    trust = Trust({"gone": None}, old=frozenset({"kept"}))
    blocked = frozenset(
        {Certificate.objects.exclude(revoked_at=None).filter(issuer="kept").earliest("pk").principal}
    )
    seen: dict[str, set[int]] = {
        state: {row.pk for row in listing.certificates(cluster, state=state, trust=trust, blocked=blocked)}
        for state in listing.STATES
    }
    facts = {
        row.pk: listing.facts_of(row, row.span(now), trust, blocked)
        for row in listing.certificates(cluster, trust=trust)
    }
    for standing in Standing:
        assert seen[standing.value] == {pk for pk, each in facts.items() if each.standing is standing}, (
            standing
        )
    assert seen["still_accepted"] == {pk for pk, each in facts.items() if each.still_accepted}
    assert seen["ending"] < seen["valid"]
    assert sum(len(seen[standing.value]) for standing in Standing) == len(facts) == 24
    old = {row.pk for row in listing.certificates(cluster, authority="old", trust=trust)}
    assert old == {pk for pk, each in facts.items() if each.old_authority}
