"""Why a reading is unknown: nobody asked yet, nobody answered, or there was nothing to measure. Pure."""

from __future__ import annotations

#: What a broker that answers has to have done before it has the figure; other figures are always there.
NEEDS = {
    "produce_p99": "No produce request since the broker started",
    "fetch_p99": "No fetch of a consumer since the broker started",
    **dict.fromkeys(
        ("bytes_in", "bytes_out", "records_in", "handler_idle", "cpu"),
        "A rate needs two polls: the second comes within ten seconds",
    ),
}


def why_unknown(figure: str, *, brokers: int, silent: int) -> str:
    """`brokers`: how many were polled in the last minute; `silent`: how many of them did not answer the last poll."""
    if not brokers:
        return "Not polled in the last minute: the worker asks every broker each ten seconds"
    if silent >= brokers:
        return "The broker does not answer" if brokers == 1 else "No broker answers"
    return NEEDS.get(figure, "The brokers that answer do not give this figure")
