"""Numbers as Prometheus' template functions and Go's `fmt` print them. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

LARGE = ("k", "M", "G", "T", "P", "E", "Z", "Y")
LARGE_1024 = ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
SMALL = ("m", "u", "n", "p", "f", "a", "z", "y")
Value = str | float | int | bool
#: strconv's shortest form has an exponent below 1e-04 and from here on.
EXPONENT_FROM = 6
VERB = re.compile(r"%([-+ #0]*)(\d{0,3})(?:\.(\d{1,2}))?([a-zA-Z%])")
FLOAT_VERBS = frozenset("fFeEgG")


class BadValue(ValueError):
    """The function cannot make sense of its argument."""


def number(value: Value) -> float:
    """As common/helpers/templates.ConvertToFloat: numbers, and strings that are numbers."""
    if isinstance(value, bool):
        raise BadValue("true and false are no numbers")
    try:
        return float(value)
    except ValueError as error:
        raise BadValue(f"{value!r} is no number") from error


def go_text(value: Value | Mapping[str, str]) -> str:
    """As `%v` prints it: floats with the fewest digits that name them, maps by their keys."""
    if isinstance(value, Mapping):
        return f"map[{' '.join(f'{name}:{value[name]}' for name in sorted(value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return go_float(value) if isinstance(value, float) else str(value)


def go_float(value: float) -> str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    if not any(digits):
        return "-0" if sign else "0"
    scale = len(digits) + exponent - 1
    if -4 <= scale < EXPONENT_FROM:
        return f"{Decimal((sign, digits, exponent)):f}"
    mantissa = "".join(map(str, digits))
    head = mantissa[0] + (f".{mantissa[1:]}" if len(mantissa) > 1 else "")
    return f"{'-' if sign else ''}{head}e{'-' if scale < 0 else '+'}{abs(scale):02d}"


def humanize(value: Value) -> str:
    return _scaled(number(value), 1000, LARGE, SMALL)


def humanize1024(value: Value) -> str:
    found = number(value)
    if abs(found) <= 1 or not math.isfinite(found):
        return _general(found)
    return _scaled(found, 1024, LARGE_1024, ())


def humanize_percentage(value: Value) -> str:
    return f"{_general(number(value) * 100)}%"


def humanize_duration(value: Value) -> str:
    found = number(value)
    if not math.isfinite(found):
        return _general(found)
    if abs(found) < 1:
        return f"{_scaled(found, 1000, (), SMALL)}s"
    sign, found = ("-", -found) if found < 0 else ("", found)
    total = int(found)
    days, hours, minutes, seconds = total // 86400, total // 3600 % 24, total // 60 % 60, total % 60
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    return f"{sign}{minutes}m {seconds}s" if minutes else f"{sign}{_general(found)}s"


def humanize_timestamp(value: Value) -> str:
    found = number(value)
    if not math.isfinite(found):
        return _general(found)
    try:
        moment = datetime.fromtimestamp(found, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise BadValue(f"{found!r} is no time") from error
    text = moment.strftime("%Y-%m-%d %H:%M:%S.%f").rstrip("0").rstrip(".")
    return f"{text} +0000 UTC"


def title(value: Value) -> str:
    """The first letter of each word; the others stay."""
    return re.sub(r"(?<![\w'])[a-z]", lambda found: found[0].upper(), go_text(value))


def printf(form: str, values: tuple[Value, ...]) -> str:
    left = list(values)
    return VERB.sub(lambda found: _formatted(found, left), form)


def check_printf(form: str, count: int) -> str | None:
    """What is wrong with a format and this many arguments; None if nothing is."""
    verbs = [found[4] for found in VERB.finditer(form)]
    rest = VERB.sub("", form)
    if "%" in rest:
        return f"{form!r} has a % that begins no verb"
    unknown = [verb for verb in verbs if verb not in FLOAT_VERBS | set("svdq%")]
    if unknown:
        return f"%{unknown[0]} is not supported"
    wanted = sum(verb != "%" for verb in verbs)
    return None if wanted == count else f"{form!r} takes {wanted} arguments, it is given {count}"


def _formatted(found: re.Match[str], left: list[Value]) -> str:
    flags, width, precision, verb = found.groups()
    if verb == "%":
        return "%"
    value = left.pop(0)
    if verb in FLOAT_VERBS:
        digits = f".{precision}" if precision else "" if verb in "gG" else ".6"
        kind = "f" if verb == "F" else verb
        shown = f"%{flags}{width}{digits}{kind}" % number(value)
        return go_float(number(value)) if verb == "g" and not precision else shown
    if verb == "d":
        value = number(value)
        if value != int(value):
            raise BadValue(f"%d takes whole numbers, not {value!r}")
        return f"%{flags}{width}d" % int(value)
    text = go_text(value)
    shown = text[: int(precision)] if precision and verb == "s" else text
    shown = '"' + shown.replace("\\", "\\\\").replace('"', '\\"') + '"' if verb == "q" else shown
    return shown.ljust(int(width or 0)) if "-" in flags else shown.rjust(int(width or 0))


def _general(value: float) -> str:
    """`%.4g`."""
    if not math.isfinite(value):
        return go_float(value)
    return f"{value:.4g}"


def _scaled(value: float, base: int, large: tuple[str, ...], small: tuple[str, ...]) -> str:
    if value == 0 or not math.isfinite(value):
        return _general(value)
    prefix = ""
    if abs(value) >= 1:
        for each in large:
            if abs(value) < base:
                break
            prefix, value = each, value / base
    else:
        for each in small:
            if abs(value) >= 1:
                break
            prefix, value = each, value * base
    return f"{_general(value)}{prefix}"
