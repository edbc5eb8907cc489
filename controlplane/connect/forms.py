"""Settings of a connector as text: what is read of JSON, and how a connector may begin."""

from __future__ import annotations

import json

from django import forms

from controlplane.gateways.connect import State

STATES = (
    (State.RUNNING.value, "running"),
    (State.PAUSED.value, "paused"),
    (State.STOPPED.value, "stopped: offsets can be set first"),
)
MOST_BYTES = 200_000


def settings_of(text: str) -> dict[str, str]:
    """Flat settings, every value as text; raises ValidationError with the place of a mistake."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise forms.ValidationError(f"This is no JSON: {error}") from error
    except RecursionError as error:
        raise forms.ValidationError("This is nested too deep.") from error
    if (
        isinstance(found, dict)
        and isinstance(found.get("config"), dict)
        and set(found) <= {"name", "config", "initial_state"}
    ):
        found = found["config"]
    if not isinstance(found, dict) or not found:
        raise forms.ValidationError("Settings are an object: names with values.")
    strange = [name for name, value in found.items() if isinstance(value, dict | list)]
    if strange:
        raise forms.ValidationError(
            f"{', '.join(strange[:5])}: a setting has one value, no list and no object."
        )
    return {str(name): _text(value) for name, value in found.items() if name != "name" and value is not None}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
