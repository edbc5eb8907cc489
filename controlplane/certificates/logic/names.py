"""Which common names a client certificate may have. The name becomes the `User:` that ACLs and quotas are written for.

The alphabet leaves no way to smuggle a second attribute into a distinguished name, or a separator into `super.users`.
"""

from __future__ import annotations

import re

from controlplane.core.plans import Refusal

MAX_LENGTH = 64  # X.520's upper bound of a common name
LEGAL = re.compile(r"[A-Za-z0-9._@-]+")
#: Kafka's own word for a connection that nobody authenticated.
ANONYMOUS = "anonymous"


def check_name(name: str, *, reserved: bool = False) -> Refusal | None:
    """`reserved`: the cluster's own super users, which `gateways.broker.reserved_name` knows."""
    if not name:
        return Refusal("name_empty", "A certificate needs a name", "Name the application that will use it.")
    if len(name) > MAX_LENGTH:
        return Refusal(
            "name_too_long",
            f"The name has {len(name)} characters; a common name has at most {MAX_LENGTH}",
            "Shorten it.",
        )
    if not LEGAL.fullmatch(name):
        bad = next(character for character in name if not LEGAL.fullmatch(character))
        return Refusal(
            "name_illegal",
            f"The name contains {bad!r}",
            "Use letters, digits, '.', '_', '-' and '@': what every principal mapping rule leaves alone.",
        )
    if not name.strip("."):
        return Refusal("name_dots", f"{name} is no name but a path", "Use a letter or a digit.")
    if reserved or name.casefold() == ANONYMOUS:
        return Refusal(
            "name_reserved",
            f"{name} is a principal of the cluster's own",
            "A certificate of this name would act as it. Use another name.",
        )
    return None
