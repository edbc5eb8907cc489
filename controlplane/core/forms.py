"""What goes wrong after a form was in shape comes back to the form: at its field where there is one, else on top.

Nothing that was typed is lost. A refusal stands at the field whose name is its code, or the beginning of its code
(`name_empty`); a form's `refusal_fields` adds what differs.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.forms.forms import BaseForm
from django.http import HttpRequest

from controlplane.core.errors import AppError, Invalid, Refused
from controlplane.core.plans import Refusal
from controlplane.gateways.errors import GatewayError

NO_TEXT = "This is not a text file: choose one in UTF-8."


def is_editing(request: HttpRequest) -> bool:
    """The form is asked for: for the first time, or again with what was typed (`edit`)."""
    return request.method != "POST" or "edit" in request.POST


def refuse(form: BaseForm, refusals: Iterable[Refusal | None]) -> None:
    """For a form's `clean`: what needs no look at the cluster is told with all other mistakes, each at its field. A field
    that is wrong already is left as it is."""
    for refusal in refusals:
        if refusal is None:
            continue
        field = field_of(form, refusal.code)
        if field not in form.errors:
            form.add_error(field, sentence(refusal.what, refusal.hint))


def show_on(form: BaseForm, error: AppError | GatewayError) -> None:
    if isinstance(error, Refused):
        for refusal in error.refusals:
            form.add_error(field_of(form, refusal.code), sentence(refusal.what, refusal.hint))
    elif isinstance(error, Invalid) and error.fields:
        for name, problems in error.fields.items():
            form.add_error(name if name in form.fields else None, problems)
    else:
        form.add_error(None, sentence(error.what, error.hint))


def field_of(form: BaseForm, code: str) -> str | None:
    """The field that a refusal is about; None for what is about no field alone."""
    words: dict[str, str] = {**{name: name for name in form.fields}, **getattr(form, "refusal_fields", {})}
    fitting = [word for word in words if code == word or code.startswith(f"{word}_")]
    return words[max(fitting, key=len)] if fitting else None


def text_of(raw: bytes) -> str | None:
    """An uploaded file as text; None where it is none, so that nobody is shown its bytes as letters."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def sentence(what: str, hint: str) -> str:
    return f"{what.rstrip('.')}. {hint}".strip() if hint else what
