"""JMX over HTTP: one bulk POST to a Jolokia agent, read-only, with a deadline and nothing else.

The control plane never speaks RMI (CVE-2024-32030 of others): JSON in, JSON out, loopback unless it was allowed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import httpx

from controlplane.gateways.errors import (
    AuthenticationFailed,
    BadAnswer,
    DeadlineExceeded,
    TargetRefused,
    Unreachable,
)

DEADLINE_S = 4.0
THREADING = "java.lang:type=Threading"
#: The one operation that the agent's policy allows.
DEADLOCKS = {"type": "exec", "mbean": THREADING, "operation": "findDeadlockedThreads"}
#: What it found, beside the attributes that Java has.
DEADLOCKED = "DeadlockedThreadCount"
MOST_BYTES = 32 * 1024 * 1024

Attributes = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an agent listens; the password stays in its 0600 file until the moment of use."""

    url: str
    username: str
    password_file: Path


def read_mbeans(
    endpoint: Endpoint, patterns: Sequence[str], *, deadline_s: float = DEADLINE_S, allow_remote: bool = False
) -> dict[str, Attributes]:
    """Object name → attributes, for every MBean that a pattern matches; what is not there is left out.

    Who reads `java.lang:type=Threading` is told in the same answer how many threads wait for each other.
    """
    _check_target(endpoint.url, allow_remote=allow_remote)
    question = [{"type": "read", "mbean": pattern} for pattern in patterns]
    if THREADING in patterns:
        question.append(DEADLOCKS)
    answers = _post(endpoint, question, deadline_s)
    if len(answers) != len(question):
        raise BadAnswer(f"The agent at {endpoint.url} did not answer every question")
    found: dict[str, Attributes] = {}
    for asked, answer in zip(question, answers, strict=True):
        if answer.get("status") != 200:
            continue
        name = asked["mbean"]
        value: Any = answer.get("value") or {}
        if asked is DEADLOCKS:
            found[name] = {**found.get(name, {}), DEADLOCKED: len(value)}
        else:
            found.update(value if _is_pattern(name) else {name: value})
    return found


def search_mbeans(
    endpoint: Endpoint, pattern: str = "*:*", *, deadline_s: float = DEADLINE_S, allow_remote: bool = False
) -> tuple[str, ...]:
    """The names of the MBeans that a pattern (javax.management.ObjectName) matches, in order."""
    _check_target(endpoint.url, allow_remote=allow_remote)
    (answer,) = _post(endpoint, [{"type": "search", "mbean": pattern}], deadline_s) or [{}]
    if answer.get("status") != 200 or not isinstance(answer.get("value"), list):
        raise BadAnswer(f"The agent at {endpoint.url} did not list its MBeans")
    return tuple(sorted(map(str, answer["value"])))


def read_mbean(
    endpoint: Endpoint, name: str, *, deadline_s: float = DEADLINE_S, allow_remote: bool = False
) -> Attributes | None:
    """The attributes of one MBean by its exact name; None when there is none."""
    _check_target(endpoint.url, allow_remote=allow_remote)
    # An attribute that this JVM does not have fails alone: its value says so.
    question = {"type": "read", "mbean": name, "config": {"ignoreErrors": True}}
    (answer,) = _post(endpoint, [question], deadline_s) or [{}]
    value = answer.get("value")
    if answer.get("status") == 404:
        return None
    if answer.get("status") != 200 or not isinstance(value, dict):
        raise BadAnswer(f"The agent at {endpoint.url} could not read {name}")
    return cast("dict[str, Any]", value)


def _is_pattern(name: str) -> bool:
    return "*" in name or "?" in name


def _check_target(url: str, *, allow_remote: bool) -> None:
    host = urlsplit(url).hostname or ""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback and not allow_remote:
        raise TargetRefused(f"{host} is not this machine", hint="Metrics agents are asked on loopback only.")


def _post(endpoint: Endpoint, question: object, deadline_s: float) -> list[dict[str, Any]]:
    auth = (endpoint.username, endpoint.password_file.read_text().strip())
    try:
        answer = httpx.post(
            endpoint.url,
            json=question,
            auth=auth,
            timeout=deadline_s,
            follow_redirects=False,
            trust_env=False,
        )
    except httpx.TimeoutException as error:
        raise DeadlineExceeded(f"{endpoint.url} did not answer within {deadline_s:.0f} s") from error
    except httpx.HTTPError as error:
        raise Unreachable(f"{endpoint.url} could not be reached: {error}") from error
    if answer.status_code in (401, 403):
        raise AuthenticationFailed(f"The agent at {endpoint.url} does not accept the password")
    if answer.status_code != 200 or len(answer.content) > MOST_BYTES:
        raise BadAnswer(f"The agent at {endpoint.url} answered {answer.status_code}")
    try:
        found: list[dict[str, Any]] = answer.json()
        whole = all("status" in each for each in found)
    except (ValueError, TypeError) as error:
        raise BadAnswer(f"The agent at {endpoint.url} did not answer with JSON") from error
    if not whole:
        raise BadAnswer(f"The agent at {endpoint.url} did not answer as Jolokia does")
    return found
