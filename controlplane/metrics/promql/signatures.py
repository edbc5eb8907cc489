"""Which functions and aggregations there are, and which of Prometheus' are refused, each with the reason.

Types of arguments are checked by `promql-parser`; this is the list of what the engine answers.
"""

from __future__ import annotations

from typing import Final

NATIVE: Final = "it reads native histograms, which are not stored here"

POINTWISE: Final = frozenset(
    [
        "abs",
        "acos",
        "acosh",
        "asin",
        "asinh",
        "atan",
        "atanh",
        "ceil",
        "cos",
        "cosh",
        "deg",
        "exp",
        "floor",
        "ln",
        "log10",
        "log2",
        "rad",
        "sgn",
        "sin",
        "sinh",
        "sqrt",
        "tan",
        "tanh",
        "clamp",
        "clamp_max",
        "clamp_min",
        "round",
    ]
)
CALENDAR: Final = frozenset(
    ["day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month", "year"]
)
OVER_TIME: Final = frozenset(
    [
        "rate",
        "increase",
        "delta",
        "irate",
        "idelta",
        "deriv",
        "predict_linear",
        "resets",
        "changes",
        "double_exponential_smoothing",
        "avg_over_time",
        "min_over_time",
        "max_over_time",
        "sum_over_time",
        "count_over_time",
        "quantile_over_time",
        "stddev_over_time",
        "stdvar_over_time",
        "last_over_time",
        "first_over_time",
        "present_over_time",
        "absent_over_time",
        "mad_over_time",
        "ts_of_first_over_time",
        "ts_of_last_over_time",
        "ts_of_max_over_time",
        "ts_of_min_over_time",
    ]
)
OTHERS: Final = frozenset(
    [
        "absent",
        "histogram_quantile",
        "label_join",
        "label_replace",
        "pi",
        "scalar",
        "sort",
        "sort_by_label",
        "sort_by_label_desc",
        "sort_desc",
        "time",
        "timestamp",
        "vector",
    ]
)
FUNCTIONS: Final = POINTWISE | CALENDAR | OVER_TIME | OTHERS

REFUSED: Final = {
    **{
        f"histogram_{what}": NATIVE
        for what in ("avg", "count", "sum", "fraction", "stddev", "stdvar", "quantiles")
    },
    "info": "joining with info metrics is experimental in Prometheus; write `* on (…) group_left (…)` instead",
    "holt_winters": "Prometheus 3 calls it double_exponential_smoothing",
    "start_timestamp": "start timestamps are not stored here",
    **dict.fromkeys(
        ("start", "end", "range", "step", "max_of", "min_of"), "it is experimental in Prometheus"
    ),
}

AGGREGATIONS: Final = frozenset(
    [
        "sum",
        "avg",
        "min",
        "max",
        "count",
        "group",
        "stddev",
        "stdvar",
        "topk",
        "bottomk",
        "quantile",
        "count_values",
        "limitk",
        "limit_ratio",
    ]
)
