"""SASLprep (RFC 4013) of passwords. (Names are ASCII, which it does not change.)

Kafka hashes what it is given; some clients prepare first (Go, Node), others do not (Java, librdkafka). A text that
SASLprep would change therefore logs in from some languages only, so only prepared texts are accepted.
"""

from __future__ import annotations

import stringprep
import unicodedata

PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
    stringprep.in_table_a1,  # not assigned when RFC 3454 was written: clients disagree about them
)


def saslprep(text: str) -> str | None:
    """The prepared form; None where the text holds what SASLprep forbids."""
    mapped = "".join(
        " " if stringprep.in_table_c12(char) else char for char in text if not stringprep.in_table_b1(char)
    )
    prepared = unicodedata.normalize("NFKC", mapped)
    if any(forbids(char) for char in prepared for forbids in PROHIBITED) or _mixes_directions(prepared):
        return None
    return prepared


def _mixes_directions(text: str) -> bool:
    """Right-to-left texts begin and end right-to-left and hold nothing left-to-right (RFC 3454, 6)."""
    if not any(stringprep.in_table_d1(char) for char in text):
        return False
    ends_right = stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
    return not ends_right or any(stringprep.in_table_d2(char) for char in text)
