from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controlplane.gateways.kafka.breaker import CLOSED, FAILURES, OPEN_S, Breaker, BreakerState


def after_failures(count: int, now: float = 0.0) -> Breaker:
    breaker = CLOSED
    for _ in range(count):
        breaker = breaker.failed(now)
    return breaker


def test_two_failures_leave_it_closed_and_the_third_opens() -> None:
    assert after_failures(2).state is BreakerState.CLOSED
    assert after_failures(3).state is BreakerState.OPEN


def test_it_refuses_for_fifteen_seconds_and_says_how_long() -> None:
    breaker = after_failures(3, now=100.0)
    assert breaker.admit(114.9) == (breaker, False)
    assert breaker.retry_in(105.0) == 10.0


def test_then_one_probe_is_admitted_and_the_next_call_is_not() -> None:
    breaker, admitted = after_failures(3).admit(OPEN_S)
    assert admitted
    assert breaker.state is BreakerState.PROBING
    assert breaker.admit(OPEN_S)[1] is False


def test_a_good_probe_closes_and_a_bad_one_opens_again() -> None:
    probing, _ = after_failures(3).admit(OPEN_S)
    assert probing.succeeded() == CLOSED
    again = probing.failed(OPEN_S + 1)
    assert again.state is BreakerState.OPEN
    assert again.admit(OPEN_S + 1 + OPEN_S - 0.1)[1] is False


def test_a_probe_that_never_reports_is_replaced() -> None:
    probing, _ = after_failures(3).admit(OPEN_S)
    assert probing.admit(2 * OPEN_S)[1] is True


def test_a_success_forgets_earlier_failures() -> None:
    assert after_failures(2).succeeded().failed(0).state is BreakerState.CLOSED


@given(st.lists(st.tuples(st.sampled_from("sfa"), st.floats(0, 20)), max_size=60))
def test_it_never_admits_twice_within_the_pause_and_never_stays_shut(steps: list[tuple[str, float]]) -> None:
    breaker, now, streak = CLOSED, 0.0, 0
    for step, passed in steps:
        now += passed
        if step == "s":
            breaker, streak = breaker.succeeded(), 0
        elif step == "f":
            breaker, streak = breaker.failed(now), streak + 1
            assert (breaker.state is BreakerState.OPEN) == (streak >= FAILURES)
        else:
            breaker, admitted = breaker.admit(now)
            if admitted and breaker.state is BreakerState.PROBING:
                assert breaker.admit(now)[1] is False
    assert breaker.admit(now + OPEN_S)[1] is True
