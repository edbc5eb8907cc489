"""Why a connector or a task of it failed, from the trace that the worker keeps: its innermost cause, and which right was
lacking. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from controlplane.connect.logic.rights import Right

CAUSE = re.compile(r"^Caused by: (.*)$", re.MULTILINE)
#: `org.apache.kafka.common.errors.TopicAuthorizationException: …`; nested classes have a $.
CLASS = re.compile(r"(?:[a-z_][\w$]*\.)+([A-Z][\w$]*)(?=:|$)")
LONGEST = 240
TOPICS = re.compile(r"TopicAuthorizationException: Not authorized to access topics: \[(.+)\]")
GROUP = re.compile(r"GroupAuthorizationException: Not authorized to access group: (\S+)")
TRANSACTIONAL = re.compile(r"TransactionalIdAuthorizationException\b")


def cause_of(trace: str) -> str:
    """The innermost cause in one line, with the class's own name and without its package."""
    found = CAUSE.findall(trace)
    line = (found[-1] if found else trace.strip().partition("\n")[0]).strip()
    short = CLASS.sub(r"\1", line, count=1) if CLASS.match(line) else line
    return short if len(short) <= LONGEST else f"{short[: LONGEST - 1]}…"


def lacking(trace: str, kind: str) -> tuple[Right, ...]:
    """`kind`: source or sink. A source writes topics, a sink reads them, in a group of its own."""
    cause = cause_of(trace)
    if topics := TOPICS.search(cause):
        right = "READ" if kind == "sink" else "WRITE"
        return tuple(Right(right, "TOPIC", name.strip()) for name in topics[1].split(","))
    if group := GROUP.search(cause):
        return (Right("READ", "GROUP", group[1]),)
    if TRANSACTIONAL.search(cause):
        return (Right("WRITE", "TRANSACTIONAL_ID"),)
    return ()


def lacking_of(traces: Iterable[str], kind: str) -> tuple[Right, ...]:
    """Of the connector and all of its tasks, each once."""
    return tuple(dict.fromkeys(each for trace in traces for each in lacking(trace, kind)))
