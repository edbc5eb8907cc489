"""Which SCRAM names and passwords are accepted. Kafka takes nearly everything; what would bite later is refused here."""

from __future__ import annotations

import unicodedata

from controlplane.core.plans import Refusal
from controlplane.users.logic.saslprep import saslprep

MAX_NAME, MIN_PASSWORD, MAX_PASSWORD = 200, 12, 256
#: Each with its reason, said after "it …".
FORBIDDEN = {
    "*": "means every user in ACLs",
    ":": "separates the type from the name in 'User:name'",
    ";": "separates names in super.users",
    ",": "belongs to the distinguished names of certificates",
    "=": "belongs to the distinguished names of certificates",
    "/": "cannot stand in an address of the API",
    "\\": "is an escape in client configuration",
    '"': "ends a name in client configuration",
    "<": "is used by Kafka for '<default>'",
    ">": "is used by Kafka for '<default>'",
}
#: What brokers call who did not log in (KafkaPrincipal.ANONYMOUS): its ACLs would be those of everybody.
ANONYMOUS = "ANONYMOUS"
NAME_HINT = "Use letters, digits, '.', '_', '-' and '@'."


def check_name(name: str, *, reserved: bool = False) -> Refusal | None:
    if not name:
        return Refusal("name_empty", "A user needs a name", NAME_HINT)
    if reserved:
        return Refusal(
            "name_reserved",
            f"{name} is reserved: it is one of the cluster's own names",
            "Use another name.",
        )
    if name.casefold() == ANONYMOUS.casefold():
        return Refusal(
            "name_reserved", f"{name} is what brokers call clients without a login", "Use another name."
        )
    if len(name) > MAX_NAME:
        return Refusal("name_too_long", f"The name has {len(name)} characters", f"At most {MAX_NAME}.")
    if _has_control(name):
        return Refusal("name_control", "The name contains a control or invisible character", NAME_HINT)
    if name != name.strip():
        return Refusal("name_blank", "The name begins or ends with a blank", "Remove it.")
    if name in (".", "..") or name.startswith("+"):
        return Refusal(
            "name_illegal", f"A user cannot be called {name!r}: it has a meaning in addresses", NAME_HINT
        )
    bad = next((char for char in name if char in FORBIDDEN), None)
    if bad:
        return Refusal("name_illegal", f"The name contains {bad!r}; it {FORBIDDEN[bad]}", NAME_HINT)
    if not name.isascii():
        # org.apache.kafka.common.security.scram.internals.ScramMessages, SASLNAME; tried live.
        return Refusal(
            "name_ascii",
            "The name is not ASCII: Kafka would store it, and nobody could ever log in with it",
            NAME_HINT,
        )
    return None


def check_password(password: str) -> Refusal | None:
    """A given password; it is never repeated in what is said."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        return Refusal(
            "password_length",
            f"The password has {len(password)} characters",
            f"Between {MIN_PASSWORD} and {MAX_PASSWORD}, or leave it empty: a strong one is generated.",
        )
    if _has_control(password):
        return Refusal(
            "password_control", "The password contains a control or invisible character", "Remove it."
        )
    if password != password.strip():
        return Refusal(
            "password_blank",
            "The password begins or ends with a blank",
            "Configuration files would lose it. Remove it.",
        )
    if saslprep(password) != password:
        return Refusal(
            "password_saslprep",
            "The password changes under SASLprep (RFC 4013): some clients could log in and others not",
            "Use characters as a keyboard gives them, or leave it empty: a strong one is generated.",
        )
    return None


def _has_control(text: str) -> bool:
    return any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for char in text)
