"""What is refused, with the place; what is read, and how deep a query may be."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.metrics.promql import Matcher, PromQLError, parse
from controlplane.metrics.promql.tree import Binary, Edge, Number, Range, Selector

REFUSED = [
    # (query, position, part of the message)
    ("", 0, "no expression found"),
    ("# only a comment", 16, "no expression found"),
    ("sum(up", 3, "unclosed left parenthesis"),
    ("sum(up))", 7, "unexpected right parenthesis"),
    ("up[5m", 2, "unclosed left bracket"),
    ('up{job="a"', 2, "unclosed left brace"),
    ("sum by (job", 7, "unclosed left parenthesis"),
    ('up + "abc', 5, "unterminated quoted string"),
    ("up +", 4, "unexpected end of input"),
    ("up + )", 5, 'unexpected ")"'),
    ("up[5q]", 3, "bad number or duration syntax"),
    ("up[]", 3, "expected a duration"),
    ("up offset", 9, "expected a duration"),
    ("up @", 4, "expected a timestamp"),
    ("up{job=kafka}", 7, "expected string"),
    ("up{job}", 6, "expected label matching operator"),
    ("up down", 3, 'unexpected identifier "down"'),
    ("up\n+ # sum\n  foo(up)", 13, 'unknown function with name "foo"'),
    ("1 + rate(up)", 4, "expected type matrix in call to function 'rate', got vector"),
    ("rate(up[5m]) + rate(sum(up))", 15, "got vector"),
    ("sum(up[5m])", 0, "expected type vector in aggregation expression, got matrix"),
    ("clamp(up, 1)", 0, "expected 3 argument(s) in call to 'clamp', got 2"),
    ("topk(5,)", 7, 'unexpected ")"'),
    ("1 > 2", 0, "comparisons between scalars must use BOOL modifier"),
    ('{job=""}', 0, "at least one non-empty matcher"),
    ('up{a="b" or c="d"}', 9, "is not PromQL"),
    ('up{a=~"("}', 0, "illegal regex"),
    # Prometheus' own, which we leave
    ("histogram_count(up)", 0, "native histograms"),
    ("2 * info(up)", 4, "experimental"),
    ("rate(up[5m] smoothed)", 12, "experimental"),
    ("increase(up[5m] anchored)", 16, "experimental"),
    ("up + fill(0) up", 5, "experimental"),
    ("up[5m + 1m]", 6, "arithmetic with durations"),
    ("up offset (1m)", 10, "arithmetic with durations"),
    ("up </ 2", 3, "native histograms"),
    ("holt_winters(up[5m], 0.5, 0.5)", 0, "double_exponential_smoothing"),
    # Bounds
    ("(" * 100 + "1", 60, "nested parentheses"),
    ("1" + "+1" * 200, 301, "operators in one query"),
    ("-" * 100_000, 65536, "characters"),
    # Expressions that could take for ever
    ('up{a=~"a++"}', 0, "bad repetition operator"),
    ('up{a=~"(?=x)"}', 0, "(?="),
]


@pytest.mark.parametrize(("query", "position", "message"), REFUSED, ids=lambda each: str(each)[:40])
def test_it_refuses_with_the_place(query: str, position: int, message: str) -> None:
    with pytest.raises(PromQLError) as caught:
        parse(query)
    assert message in caught.value.message
    assert caught.value.position == position


def test_it_counts_lines_and_columns_from_one() -> None:
    with pytest.raises(PromQLError) as caught:
        parse("up\n  + foo(up)")
    assert (caught.value.line, caught.value.column) == (2, 5)
    assert str(caught.value) == '2:5: parse error: unknown function with name "foo"'


@settings(deadline=None)
@given(st.text(alphabet='up(){}[]"=~,:+-*@ 5m#\n', max_size=40))
def test_any_text_is_read_or_refused_with_a_place_in_it(text: str) -> None:
    refused: PromQLError | None = None
    try:
        parse(text)
    except PromQLError as error:
        refused = error
    assert refused is None or 0 <= refused.position <= len(text)


@pytest.mark.parametrize(
    ("query", "kind"),
    [("1 + 1", "scalar"), ("time()", "scalar"), ("up", "vector"), ("up[5m]", "matrix"), ("up[5m:]", "matrix"),
     ('"text"', "string"), ("scalar(up) + 1", "scalar"), ("-up", "vector"), ("sum(up) > 1", "vector"), ("hour()", "vector")],
)  # fmt: skip
def test_a_query_has_a_type(query: str, kind: str) -> None:
    assert parse(query).type == kind


def test_it_names_every_metric_that_a_query_reads() -> None:
    query = parse(
        'sum by (a) (rate(one_total{b="c"}[5m])) / on (a) group_left {"two.dots", d!~"e"} offset 5m'
    )
    one, two = query.selectors()
    assert one.matchers == (Matcher("__name__", "=", "one_total"), Matcher("b", "=", "c"))
    assert two.matchers == (Matcher("__name__", "=", "two.dots"), Matcher("d", "!~", "e"))
    assert [one.name, two.name, parse('{a="b"}').selectors()[0].name] == ["one_total", "two.dots", ""]
    assert [query.text[each.position] for each in (one, two)] == ["o", "{"]


def test_it_reads_times_and_offsets_in_milliseconds() -> None:
    found = parse("up @ 1.5 offset -1m").ast
    assert found == Selector(0, (Matcher("__name__", "=", "up"),), -60_000, 1500)
    assert parse("up @ -5").ast == Selector(0, (Matcher("__name__", "=", "up"),), 0, -5000)
    edge = parse("up[5m] @ end()").ast
    assert isinstance(edge, Range)
    assert edge.selector.at is Edge.END


def test_operators_bind_as_in_prometheus() -> None:
    found = parse("1_000 + 2 ^ 3 ^ 4").ast
    assert isinstance(found, Binary)
    assert found.left == Number(0, 1000)
    assert isinstance(found.right, Binary)
    assert isinstance(found.right.right, Binary)


@pytest.mark.parametrize(
    ("pattern", "value", "matches"),
    [("a.c", "a\nc", True), ("b", "abc", False), ("", "", True), (".*", "", True), ("(?i)Kafka", "kAFKA", True),
     ("x((?i)y)z", "xYz", True), ("x((?i)y)z", "xyZ", False), ("[[:alpha:]]+", "abc", True), ("[^[:digit:]]", "1", False),
     ("a|b", "b", True), (r"\d+", "٣", False), ("(foo)?bar", "bar", True),
     (r"\pL+", "Ωé", True), ("a.*|b.*|c.*|d.*|e.*|f.*|g.*", "g1", True)],
)  # fmt: skip
def test_regular_expressions_are_anchored(pattern: str, value: str, matches: bool) -> None:
    assert Matcher("a", "=~", pattern).matches(value) is matches
    assert Matcher("a", "!~", pattern).matches(value) is not matches


def test_no_expression_is_slow() -> None:
    """Python's own engine would take years."""
    assert not Matcher("a", "=~", "(a+)+(x+x+)+.*.*.*.*y").matches("a" * 2000 + "x" * 2000)
