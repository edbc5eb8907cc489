"""Words and numbers as people read them, and the small pieces that templates share. Pure formatting, no queries.

Unknown (None) is always an em dash with a reason on hover, never 0 and never blank.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from django import template
from django.template.defaultfilters import stringfilter
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from controlplane.core import words

register = template.Library()

UNKNOWN_TITLE = "Unknown: it could not be read"

# 24×24 outlines, 1.5 px. One place, so that an icon is a word in a template.
ICONS = {
    "logo": '<path d="M4 21V8l2 0V5h3v3h1.5V5h3v3H15V5h3v3l2 0v13h-6v-4a2 2 0 0 0-4 0v4z"/><path d="M4 12h16"/>',
    "dashboard": '<path d="M3 13a9 9 0 0 1 18 0"/><path d="M12 13l4-4"/><path d="M3 13v3h18v-3"/>',
    "broker": '<rect x="4" y="4" width="16" height="6" rx="1.5"/><rect x="4" y="14" width="16" height="6" rx="1.5"/><path d="M8 7h.01M8 17h.01"/>',
    "topic": '<path d="M4 6h16M4 12h16M4 18h10"/>',
    "group": '<circle cx="8" cy="9" r="3"/><circle cx="17" cy="10" r="2.2"/><path d="M2.5 19c.6-3 2.7-4.5 5.5-4.5s4.900 1.500 5.500 4.500M15 14.800c3-.4 5.500.8 6.300 3.700"/>',
    "metrics": '<path d="M4 4v16h16"/><path d="M7 15l4-5 3 3 5-7"/>',
    "operation": '<path d="M4 6h10M4 12h16M4 18h7"/><circle cx="18" cy="6" r="2"/><circle cx="15" cy="18" r="2"/>',
    "settings": '<circle cx="12" cy="12" r="3"/><path d="M12 3v3M12 18v3M3 12h3M18 12h3M5.600 5.600l2.100 2.100M16.300 16.300l2.100 2.100M5.600 18.400l2.100-2.100M16.300 7.700l2.100-2.100"/>',
    "manual": '<path d="M5 4h10a4 4 0 0 1 4 4v12H9a4 4 0 0 1-4-4z"/><path d="M5 16a4 4 0 0 1 4-4h10"/>',
    "alert": '<path d="M6 17V11a6 6 0 0 1 12 0v6l1.500 2h-15zM10 21h4"/>',
    "job": '<path d="M12 7v5l3 2"/><circle cx="12" cy="12" r="8.500"/>',
    "search": '<circle cx="11" cy="11" r="6.500"/><path d="M16 16l4.500 4.500"/>',
    "menu": '<path d="M4 7h16M4 12h16M4 17h16"/>',
    "more": '<path d="M6 12h.01M12 12h.01M18 12h.01" stroke-width="2.500"/>',
    "check": '<path d="M5 12.500l4.500 4.500L19 7.500"/>',
    "ok": '<circle cx="12" cy="12" r="8.500"/><path d="M8.500 12.300l2.500 2.500 4.700-5"/>',
    "info": '<circle cx="12" cy="12" r="8.500"/><path d="M12 11v5M12 8h.01"/>',
    "warn": '<path d="M12 4l9 16H3z"/><path d="M12 10v4.500M12 17.300h.01"/>',
    "critical": '<path d="M8.500 3.500h7l5 5v7l-5 5h-7l-5-5v-7z"/><path d="M12 8v5M12 16h.01"/>',
    "unknown": '<circle cx="12" cy="12" r="8.500"/><path d="M9.800 9.500a2.300 2.300 0 1 1 3.200 2.300c-.7.3-1 .8-1 1.700M12 16.500h.01"/>',
    "close": '<path d="M6 6l12 12M18 6L6 18"/>',
    "plus": '<path d="M12 5v14M5 12h14"/>',
    "left": '<path d="M14.500 6l-6 6 6 6"/>',
    "right": '<path d="M9.500 6l6 6-6 6"/>',
    "down": '<path d="M6 9.500l6 6 6-6"/>',
    "up": '<path d="M6 14.500l6-6 6 6"/>',
    "copy": '<rect x="9" y="9" width="11" height="11" rx="2"/><path d="M5 15V6a2 2 0 0 1 2-2h8"/>',
    "produce": '<path d="M4 12l16-8-5 16-3.500-6.500z"/>',
    "trash": '<path d="M5 7h14M10 7V4.500h4V7M7 7l1 13h8l1-13"/>',
    "edit": '<path d="M4 20l1-4L16.500 4.500l3 3L8 19z"/>',
    "restart": '<path d="M19 12a7 7 0 1 1-2.300-5.200M19 4v4h-4"/>',
    "stop": '<rect x="6" y="6" width="12" height="12" rx="2"/>',
    "play": '<path d="M7 5l12 7-12 7z"/>',
    "replication": '<rect x="3.500" y="5" width="7" height="6" rx="1.500"/><rect x="13.500" y="13" width="7" height="6" rx="1.500"/><path d="M10.500 8h4.500a2 2 0 0 1 2 2v3M15 11l2 2 2-2"/>',
    "connect": '<path d="M9 4v5M15 4v5M6.500 9h11v3a5.500 5.500 0 0 1-11 0zM12 17.500V21"/>',
    "lock": '<rect x="5" y="11" width="14" height="9" rx="2"/><path d="M8 11V8a4 4 0 0 1 8 0v3"/>',
    "user": '<circle cx="12" cy="8.500" r="3.500"/><path d="M5 20c.8-4 3.500-6 7-6s6.200 2 7 6"/>',
    "quota": '<path d="M4 17a8.500 8.500 0 1 1 16 0"/><path d="M12 14l4.500-5"/><path d="M8 20h8"/>',
    "key": '<circle cx="8" cy="14" r="4"/><path d="M11 11l8-8M16 6l3 3"/>',
    "certificate": '<rect x="3.500" y="4.500" width="17" height="12" rx="1.500"/><path d="M7 8.500h10M7 12h4"/><circle cx="16" cy="14.500" r="2.500"/><path d="M14.500 16.500v4l1.500-1 1.500 1v-4"/>',
    "download": '<path d="M12 4v11M7.500 11l4.500 4.500 4.500-4.500M5 20h14"/>',
    "table": '<rect x="4" y="5" width="16" height="14" rx="1.500"/><path d="M4 10h16M10 10v9"/>',
    "running": '<path d="M12 3.500a8.500 8.500 0 1 1-8.500 8.500"/>',
    "waiting": '<circle cx="12" cy="12" r="8.500" stroke-dasharray="3 3"/>',
}


@register.simple_tag
def icon(name: str) -> SafeString:
    """An inline outline; decorative, so hidden from screen readers: the word beside it carries the meaning."""
    return format_html(
        '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round"'
        ' stroke-linejoin="round" aria-hidden="true">{}</svg>',
        mark_safe(ICONS[name]),  # noqa: S308  # nosec B308 B703  # a constant of this module
    )


@register.simple_tag
def unknown(reason: str = UNKNOWN_TITLE) -> SafeString:
    return format_html('<span class="muted" title="{}">—</span>', reason)


@register.filter
def number(value: Any) -> str:
    """12400 → 12,400."""
    if value is None or value == "":
        return unknown()
    return f"{value:,}" if isinstance(value, int) else f"{float(value):,.1f}"


@register.filter
def counted(count: int, noun: str) -> str:
    """A number with its noun, given in the plural: 1 topic, 2,400 topics."""
    return words.counted(count, noun.removesuffix("s"), noun)


@register.filter(name="bytes")
def bytes_(value: Any) -> str:
    """Decimal units, three digits: 1234567 → 1.23 MB."""
    if value is None or value == "":
        return unknown()
    return words.byte_size(float(value))


@register.filter
def rate(value: Any, unit: str = "") -> str:
    """Per second, short: 3412.2 → 3.41k/s."""
    if value is None:
        return unknown()
    amount = float(value)
    for prefix in ("", "k", "M"):
        if abs(amount) < 1000 or prefix == "M":
            return f"{amount:.3g}{prefix}{unit}/s"
        amount /= 1000
    raise AssertionError("unreachable")


@register.filter
def percent(value: Any) -> str:
    """A fraction as per cent: 0.123 → 12 %."""
    return unknown() if value is None else f"{float(value) * 100:.0f} %"


@register.filter
def duration_ms(value: Any) -> str:
    """Milliseconds as people say them: 250 ms, 3.2 s, 3 min 19 s, 2 h 5 min; -1 is Kafka's 'unlimited'."""
    if value is None or value == "":
        return unknown()
    ms = float(value)
    if ms == -1:
        return "unlimited"
    if ms < 1000:
        return f"{ms:.3g} ms"
    return words.duration(ms / 1000)


#: Kafka's "no limit" where -1 is not: the largest number of the type.
LARGEST = 2**63 - 1
TIME_UNITS = ((86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1000, "second"))


@register.filter
def in_words(name: str, value: Any) -> str:
    """What a setting's raw number means: 604800000 of `retention.ms` is 7 days. Empty where the number says it."""
    is_time, is_size = name.endswith(".ms"), name.endswith(".bytes")
    if not (is_time or is_size) or not re.fullmatch(r"-?\d{1,19}", str(value)):
        return ""
    number_ = int(str(value))
    if number_ == LARGEST or (number_ == -1 and "retention" in name):
        return "unlimited"
    if number_ < 1000:
        return ""
    if is_size:
        return f"≈ {bytes_(number_)}"
    exact = next(((number_ // size, unit) for size, unit in TIME_UNITS if number_ % size == 0), None)
    return f"{exact[0]:,} {exact[1]}{'' if exact[0] == 1 else 's'}" if exact else f"≈ {duration_ms(number_)}"


@register.filter
def ago(value: datetime | None) -> SafeString:
    """A <time> element: the script writes '4 s ago' and the viewer's zone; without it, the exact UTC time stands."""
    if value is None:
        return unknown("Never")
    exact = value.astimezone(UTC)
    return format_html(
        '<time datetime="{}" data-ago title="{}">{}</time>',
        exact.isoformat(timespec="milliseconds"),
        exact.strftime("%Y-%m-%d %H:%M:%S UTC"),
        exact.strftime("%Y-%m-%d %H:%M:%S UTC"),
    )


@register.filter
def unix_ago(value: float | None) -> SafeString:
    """As `ago`, for Unix seconds."""
    return ago(datetime.fromtimestamp(value, UTC)) if value else unknown("Never")


@register.filter
def record_ago(milliseconds: int | None) -> SafeString:
    """As `ago`, for a record's timestamp."""
    return unix_ago(milliseconds / 1000) if milliseconds else unknown("The record has no timestamp")


@register.filter
def at_ms(value: int | None) -> SafeString:
    """A record's timestamp, exact to the millisecond, in the viewer's zone by script."""
    if value is None or value < 0:
        return unknown("The record has no timestamp")
    exact = datetime.fromtimestamp(value / 1000, UTC)
    text = exact.strftime("%Y-%m-%d %H:%M:%S.") + f"{exact.microsecond // 1000:03d}"
    return format_html(
        '<time datetime="{}" data-exact title="{} UTC">{}</time>',
        exact.isoformat(timespec="milliseconds"), text, text,
    )  # fmt: skip


@register.filter
@stringfilter
def state_tone(value: str) -> str:
    """The badge tone for a state word of Kafka, of a process, of a job, of an outcome."""
    return STATE_TONES.get(value.lower(), "unknown")


STATE_TONES = {
    **dict.fromkeys(("stable", "running", "succeeded", "ok", "up", "active", "done"), "ok"),
    **dict.fromkeys(
        ("preparingrebalance", "completingrebalance", "assigning", "reconciling", "starting", "queued"),
        "info",
    ),
    **dict.fromkeys(
        (
            "empty",
            "backoff",
            "stopping",
            "stopped",
            "returning",
            "silent",
            "cancelled",
            "paused",
            "mixed",
            "incomplete",
            "unassigned",
            "refused",
            "partial",
            "interrupted",
            "not_ready",
        ),
        "warn",
    ),
    **dict.fromkeys(
        ("dead", "fatal", "failed", "exited", "down", "crashed", "given up", "out of disk", "denied"),
        "critical",
    ),
}


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: Any) -> str:
    """The present query string with some parameters replaced; None or '' removes one. Page resets unless given."""
    params = context["request"].GET.copy()
    params.pop("page", None)
    for name, value in changes.items():
        if value in (None, ""):
            params.pop(name, None)
        else:
            params[name] = str(value)
    encoded = params.urlencode()
    return f"?{encoded}" if encoded else "?"


@register.simple_tag(takes_context=True)
def nonce(context: template.Context) -> SafeString:
    """Stands in every element with hx-* attributes: the page's hx-csp strips them from any that lacks it, so that
    injected markup stays dead. Works in `include … only` too, which keeps the request."""
    request = getattr(context, "request", None) or context.get("request")
    return format_html('hx-nonce="{}"', getattr(request, "csp_nonce", ""))


@register.filter
def get(mapping: Any, key: Any) -> Any:
    """`mapping[key]` for templates; None where it is missing."""
    return mapping.get(key)
