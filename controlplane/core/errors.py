"""What the control plane itself refuses or fails at: what happened, what to do, and the HTTP status that says so.

AppError
    Unauthenticated 401       Forbidden 403        NotFound 404        Invalid 422 (fields)
    Conflict 409              StateChanged 412 in the API, 409 on a form
    Refused 422 (a plan's refusals)                PreconditionRequired 428
    NotVerified 502 (Kafka accepted, but reading back does not show it)
    Unavailable 503 (a part of the control plane itself, such as the database, does not answer)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, Protocol

from controlplane.core.access import Action
from controlplane.core.plans import Plan, Refusal


class AppError(Exception):
    status: ClassVar[int] = 500
    code: ClassVar[str] = "error"
    title: ClassVar[str] = "Something went wrong"

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint
        #: Whether the audit has a row of it already.
        self.recorded = False


class Invalid(AppError):
    """`fields` maps a field's name to what is wrong with it."""

    status = 422
    code = "invalid"
    title = "The request is not valid"

    def __init__(
        self, what: str = "", hint: str = "", *, fields: Mapping[str, Iterable[str]] | None = None
    ) -> None:
        self.fields = {name: list(problems) for name, problems in (fields or {}).items()}
        super().__init__(what or _first_problem(self.fields), hint)


class HasErrors(Protocol):
    """A Django form, seen from below the web layer."""

    @property
    def errors(self) -> Mapping[str, Iterable[object]]: ...


class InvalidForm(Invalid):
    """A posted form that has no page of its own to show the errors on."""

    def __init__(self, form: HasErrors) -> None:
        super().__init__(fields={name: [str(p) for p in problems] for name, problems in form.errors.items()})


class Unauthenticated(AppError):
    """At addresses for machines outside the API; pages redirect to the login instead."""

    status = 401
    code = "not_authenticated"
    title = "Not authenticated"


class Forbidden(AppError):
    status = 403
    code = "forbidden"
    title = "Not allowed"

    def __init__(
        self,
        what: str,
        hint: str = "",
        *,
        action: Action | None = None,
        cluster: str | None = None,
        also: str = "",
    ) -> None:
        """`also`: the other cluster, of an act that is about two."""
        super().__init__(what, hint)
        self.action = action
        self.cluster = cluster
        self.also = also


class NotFound(AppError):
    status = 404
    code = "not_found"
    title = "Not found"


class Conflict(AppError):
    status = 409
    code = "conflict"
    title = "In conflict with the present state"


class StateChanged(AppError):
    """The state moved since it was looked at. `plan` is the new one, `etag` the tag to retry with."""

    status = 412
    code = "state_changed"
    title = "Changed since you looked"

    def __init__(self, what: str, hint: str = "", *, etag: str = "", plan: Plan | None = None) -> None:
        super().__init__(what, hint or "Look at the new state, then decide again.")
        self.etag = etag
        self.plan = plan


class PreconditionRequired(AppError):
    status = 428
    code = "precondition_required"
    title = "If-Match is required"

    def __init__(
        self, what: str = "This change needs an If-Match header", hint: str = "", *, etag: str = ""
    ) -> None:
        super().__init__(
            what, hint or "Send the ETag of your last GET or dry run, so that nobody's change is lost."
        )
        self.etag = etag


class Refused(AppError):
    """A plan that cannot be applied; its refusals say why."""

    status = 422
    code = "refused"
    title = "Refused"

    def __init__(self, refusals: Iterable[Refusal], plan: Plan | None = None) -> None:
        self.refusals = tuple(refusals)
        self.plan = plan
        first = self.refusals[0] if self.refusals else Refusal("nothing_to_do", "There is nothing to change")
        super().__init__(first.what, first.hint)


class NotVerified(AppError):
    status = 502
    code = "not_verified"
    title = "Accepted, but not confirmed"


class Unavailable(AppError):
    status = 503
    code = "unavailable"
    title = "Not available now"


def _first_problem(fields: Mapping[str, list[str]]) -> str:
    for name, problems in fields.items():
        if problems:
            return problems[0] if name == "__all__" else f"{name}: {problems[0]}"
    return "The request is not valid"
