"""Previews on history: the fold skips steps and comes to what stepping through all of them comes to; the API; the page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlplane.accounts.models import User
from controlplane.alerts.logic import preview, seeing, states
from controlplane.alerts.logic.preview import EPOCH, Answer, Episode, Outcome, Sights
from controlplane.alerts.logic.seeing import RuleFailed, Words
from controlplane.alerts.logic.states import Instance, Sight, Timing
from controlplane.alerts.services import previewing
from controlplane.core.access import Role
from controlplane.metrics.names import Sample
from controlplane.metrics.selectors import store
from tests.alerts.scene import Scene, rule
from tests.conftest import Api

STEP = 60_000
WORDS = Words("X", "main", {"severity": "page"}, {"summary": "{{ $value }}"})


def answer(text: str, **labels: str) -> Answer:
    """`1` a value, `_` none."""
    values = np.array([float(each) if each != "_" else 0.0 for each in text.split()])
    return Answer(labels, values, np.array([each != "_" for each in text.split()]))


def folded(*answers: Answer, hold: int = 0, keep: int = 0, blind: str = "", words: Words = WORDS) -> Outcome:
    """`hold` and `keep` in minutes; `blind` has an x at each minute at which nothing could be seen."""
    length = len(answers[0].values)
    dark = np.array([each == "x" for each in blind.ljust(length)[:length]])
    timing = Timing(timedelta(minutes=hold), timedelta(minutes=keep))
    return preview.fold(words, timing, np.arange(length) * STEP, answers, Sights(dark))


def minutes(outcome: Outcome) -> list[tuple[int, int | None]]:
    def minute(at: Any) -> int | None:
        return None if at is None else round((at - EPOCH).total_seconds() / 60)

    return [(minute(each.fired_at) or 0, minute(each.resolved_at)) for each in outcome.episodes]


@pytest.mark.parametrize(
    ("text", "given", "found", "pending"),
    [
        ("1 1 1 1", {}, [(0, None)], 0),
        ("_ 1 1 _", {}, [(1, 3)], 0),
        ("1 1 1 _ _ 1 _", {"hold": 2}, [(2, 3)], 1),
        ("1 1 _ 1 1 _", {"hold": 2}, [], 2),
        ("1 _ _ _ _ 1", {"keep": 3}, [(0, 4), (5, None)], 0),
        ("1 _ _ 1 _ _ _ _", {"keep": 3}, [(0, 7)], 0),
        ("1 _ _ _ _", {"blind": " xx"}, [(0, 3)], 0),
        ("1 _ _ 1 1 1 1", {"hold": 3, "blind": " xx"}, [(5, None)], 0),
        ("_ _ _", {}, [], 0),
    ],
)
def test_what_a_rule_would_have_done(
    text: str, given: dict[str, Any], found: list[Any], pending: int
) -> None:
    outcome = folded(answer(text), **given)
    assert (minutes(outcome), outcome.only_pending) == (found, pending)


def plainly(
    timing: Timing, answers: list[Answer], words: Words, dark: list[bool], silent: list[bool]
) -> list[Episode]:
    """Step by step, as the live evaluation does it."""
    opened: dict[str, Instance] = {}
    over: list[Instance] = []
    for at in range(len(dark)):
        now = EPOCH + timedelta(milliseconds=at * STEP)
        sight = Sight(dark[at], frozenset({"1"}) if silent[at] else frozenset())
        points = [(each.labels, float(each.values[at])) for each in answers if each.present[at]]
        try:
            seen = seeing.seen(words, points)
        except RuleFailed:
            opened = {key: states.unseen(each, now) for key, each in opened.items()}
            continue
        done = states.step(timing, opened, seen, sight, now)
        over += [each for each in done.instances if each.resolved_at]
        opened = {each.key: each for each in done.instances if not each.resolved_at}
    return [
        Episode(each.labels, each.active_at, each.fired_at, each.resolved_at, 0, {})
        for each in (*over, *opened.values())
        if each.fired_at
    ]


def run_lengths(lengths: list[int]) -> list[bool]:
    """Absent, present, absent, … each so long; 40 in all."""
    found = [bool(place % 2) for place, length in enumerate(lengths) for _ in range(length)]
    return (found + [False] * 40)[:40]


runs = st.lists(st.integers(0, 12), min_size=5, max_size=12).map(run_lengths)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    shown=st.lists(runs, min_size=1, max_size=3), dark=runs, silent=runs, values=st.lists(st.integers(0, 2), min_size=40, max_size=40),
    hold=st.integers(0, 6), keep=st.integers(0, 6), by_value=st.booleans(), same=st.booleans(),
)  # fmt: skip
def test_the_fold_comes_to_what_every_single_step_comes_to(
    shown: list[list[bool]], dark: list[bool], silent: list[bool], values: list[int],
    hold: int, keep: int, by_value: bool, same: bool,
) -> None:  # fmt: skip
    label = {"level": "{{ $value }}"} if by_value else {}
    words = Words("X", "main", {**label, **({"broker": "1"} if same else {})})
    answers = [
        Answer({"broker": str(place)}, np.array(values, dtype=float), np.array(each))
        for place, each in enumerate(shown)
    ]
    timing = Timing(timedelta(minutes=hold), timedelta(minutes=keep))
    sights = Sights(np.array(dark), {"1": np.array(silent)})
    found = preview.fold(words, timing, np.arange(40) * STEP, answers, sights)

    def shape(episodes: Any) -> Any:
        return sorted(
            (sorted(e.labels.items()), e.active_at, e.fired_at, str(e.resolved_at)) for e in episodes
        )

    assert shape(found.episodes) == shape(plainly(timing, answers, words, dark, silent))


def test_what_flaps_too_much_is_cut_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "MOST_STEPS", 5)
    assert folded(answer("1 _ 1 _ 1 _ 1 _")).cut


def test_lives_that_overlap_are_one_span() -> None:
    outcome = folded(answer("1 1 _ _ 1 _", a="1"), answer("_ 1 1 _ _ _", a="2"))
    until = EPOCH + timedelta(minutes=5)
    assert preview.spans(outcome.episodes, until) == [(0.0, 180.0), (240.0, 300.0)]


# --- On a store -------------------------------------------------------------------------------------------------------
NOW = 1_760_000_000_000


@pytest.fixture
def history(scene: Scene, tmp_path: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Half a day of two brokers by the minute; broker 2 lagged twice for ten minutes."""
    settings.METRICS_DATABASE = str(tmp_path / "metrics.sqlite3")
    for at in range(NOW - 720 * 60_000, NOW, 60_000):
        late = 100 <= (NOW - at) // 60_000 % 360 < 110
        found = [
            Sample(name, (("broker", broker),), 50.0 if late and (name, broker) == ("lag", "2") else 1.0)
            for broker in "12"
            for name in ("lag", "up")
        ]
        store().append("main", "all", at, found)
    monkeypatch.setattr("controlplane.alerts.selectors.time.time_ns", lambda: NOW * 1_000_000)
    monkeypatch.setattr("controlplane.metrics.query.time.time_ns", lambda: NOW * 1_000_000)
    monkeypatch.setattr("controlplane.alerts.preview_api.now_ms", lambda: NOW)
    monkeypatch.setattr("controlplane.alerts.preview_views.now_ms", lambda: NOW)
    return scene


def test_the_api_says_when_it_would_have_fired(history: Scene, api: Callable[[Role], Api]) -> None:
    wanted = {"expr": "lag > 5", "for": "2m", "cluster": "main", "range": "7d"}
    answer = api(Role.VIEWER)("POST", "alerts/rules/preview/", wanted)
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert body["fired"] == 2
    assert [each["labels"]["broker"] for each in body["episodes"]] == ["2", "2"]
    assert body["episodes"][0]["resolved_at"] is not None
    assert body["step"] == 60
    assert (body["only_pending"], body["cut"]) == (0, False)


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"expr": "lag >"}, "expr"),
        ({"expr": "lag[5m]"}, "expr"),
        ({"expr": "lag > 5", "range": "1y"}, "range"),
        ({"expr": "lag > 5", "for": "soon"}, "for"),
        ({"for": "5m"}, "expr"),
        ({"expr": "lag > 5", "cluster": "nowhere"}, "cluster"),
        ({"expr": "lag > 5", "labels": {"a": "{{ nonsense"}}, "labels"),
    ],
    ids=str,
)
def test_what_cannot_be_previewed_says_why(
    wanted: dict[str, Any], field: str, scene: Scene, api: Callable[[Role], Api]
) -> None:
    answer = api(Role.VIEWER)("POST", "alerts/rules/preview/", {"cluster": "main", **wanted})
    assert answer.status_code in (400, 422), answer.content
    assert field in answer.json()["errors"], answer.json()


def test_a_week_of_many_series_is_quick(history: Scene) -> None:
    """AL-9 asks for two seconds; the machine of the tests is shared."""
    from controlplane.alerts.services.ruling import RuleRequest

    found = previewing.preview_of("main", RuleRequest("X", "lag > 5"), "7d", NOW)
    assert len(found.outcome.episodes) == 2
    assert len(found.spans) == 2


def test_the_form_shows_a_preview_before_anything_is_saved(
    history: Scene, client: Client, users: dict[Role, User]
) -> None:
    client.force_login(users[Role.OPERATOR])
    form = {"expr": "lag > 5", "hold": "2m", "keep_firing": "0s", "severity": "warning", "range": "7d"}
    page = client.post("/clusters/main/alerts/rules/+preview/", form)
    text = page.content.decode()
    assert page.status_code == 200
    assert "would have fired" in text
    assert "<b>2</b>" in text
    data = re.search(r'<script id="preview-data" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert data
    drawn = json.loads(data[1])
    assert len(drawn["spans"]) == 2
    assert [each["name"] for each in drawn["series"]][-1] == "threshold"
    assert 'value="2m"' in text
    wrong = client.post("/clusters/main/alerts/rules/+preview/", {**form, "expr": "lag >"})
    assert wrong.status_code == 422


def test_a_rule_shows_its_own_history(history: Scene, client: Client, users: dict[Role, User]) -> None:
    found = rule("Lag", expr="lag > 500")
    client.force_login(users[Role.VIEWER])
    page = client.get(f"/clusters/main/alerts/rules/{found.pk}/+history/?range=24h").content.decode()
    assert "would not have fired" in page
