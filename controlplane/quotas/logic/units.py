"""Limits as people write and read them: `10 MB/s`, `50 %`, `5 /s`. Decimal units, as everywhere; binary ones are read."""

from __future__ import annotations

import math
import re

from controlplane.clusters.logic.quota_words import STEPS, QuotaKey, with_unit
from controlplane.clusters.logic.quota_words import human as human

SHAPE = re.compile(r"^\s*(\d+(?:[.,]\d+)?(?:e\d+)?)\s*([kKMGTP]?i?)([bB]?)\s*(%?)\s*(?:/\s*s|ps)?\s*$")
FACTORS = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
BINARY = {"Ki": 2.0**10, "ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50}


def parse(text: str, key: QuotaKey) -> float | None:
    """None for what cannot be read as this key's limit. Small `b` is taken as bytes: nobody limits bits here."""
    match = SHAPE.match(text.replace("\u00a0", " ").replace("_", ""))
    if match is None:
        return None
    number, prefix, byte, percent = match.groups()
    is_bytes = key.unit == "B/s"
    if (percent and key.unit != "%") or ((byte or prefix.endswith("i")) and not is_bytes):
        return None
    factor = {**FACTORS, **BINARY}.get(prefix)
    if factor is None or (prefix and key.unit == "%"):
        return None
    value = float(number.replace(",", ".")) * factor
    if not math.isfinite(value):  # 1e400: no number that Kafka, or JSON, could hold
        return None
    return float(round(value)) if key.whole else value


def exact(value: float, key: QuotaKey) -> str:
    """For editing: never rounds, so that what is sent back unchanged is unchanged."""
    if key.unit != "B/s":
        return with_unit(f"{value:.17g}", key)
    for unit, size in STEPS:
        scaled = f"{value / size:.3f}".rstrip("0").rstrip(".")
        if value >= size and float(scaled) * size == value:
            return f"{scaled} {unit}/s"
    return f"{value:.0f} B/s"


def raw(value: float) -> str:
    """The bare number, as Kafka's tools take it."""
    return f"{value:.0f}" if value == int(value) else repr(value)
