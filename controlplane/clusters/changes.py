"""The one walk of every change in the browser: form → plan → review → apply → where to go next.

1. POST without a digest shows the plan; nothing has happened. So does GET, where there is no form to fill.
2. POST with the digest of the plan that was shown applies it, if the state is still the one it was made from.
3. Another digest means that the state moved: 409, the new plan, a banner; nothing applied.
4. What a plan refuses, or what fails on the way, comes back to the form (`filled`) with all that was typed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

from django.contrib import messages
from django.forms.forms import BaseForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict

from controlplane.audit.services import record_refused_plan
from controlplane.clusters.models import Cluster
from controlplane.core.actors import actor_of
from controlplane.core.errors import AppError, Forbidden, Refused
from controlplane.core.forms import is_editing, show_on
from controlplane.core.pages import Page, render_page
from controlplane.core.plans import ApiCall, Plan
from controlplane.core.problem import form_status
from controlplane.gateways.errors import GatewayError

CONTROL_FIELDS = frozenset({"csrfmiddlewaretoken", "digest", "confirm", "edit"})


@dataclass(frozen=True, slots=True)
class Done:
    """After an applied plan: what to tell, and where to look at the result."""

    message: str
    url: str


@dataclass(frozen=True)
class ReviewPage(Page):
    """The plan, with the form's own fields carried along hidden so that apply recomputes the same plan.

    `previews` are contents that the plan itself must not hold, since it is recorded.
    """

    template: ClassVar[str] = "clusters/review.html"

    cluster: Cluster
    plan: Plan
    fields: tuple[tuple[str, str], ...]
    back_url: str
    crumbs: tuple[tuple[str, str], ...] = ()
    stale: bool = False
    confirm_error: str = ""
    editable: bool = False
    previews: tuple[tuple[str, str], ...] = ()


def filled(
    request: HttpRequest, form: BaseForm, page: Callable[[], Page], review: Callable[[], HttpResponse]
) -> HttpResponse:
    """The form's page until it is in shape, then `review`; what that refuses or fails at is shown on the form."""
    editing = is_editing(request)
    if editing or not form.is_valid():
        return render_page(request, page(), status=200 if editing else 422)
    request.form_behind = True  # type: ignore[attr-defined]  # where refusals are shown
    try:
        return review()
    except Forbidden:
        raise
    except (AppError, GatewayError) as error:
        show_on(form, error)
        return render_page(request, page(), status=form_status(error))


def review_or_apply(
    request: HttpRequest,
    *,
    cluster: Cluster,
    plan: Plan,
    back_url: str,
    apply: Callable[[Plan], Done | HttpResponse],
    crumbs: tuple[tuple[str, str], ...] = (),
    editable: bool = False,
    fields: tuple[tuple[str, str], ...] | None = None,
    previews: tuple[tuple[str, str], ...] = (),
    api: ApiCall | None = None,
) -> HttpResponse:
    """`editable`: there is a form to go back to; where `filled` called, refusals go there at once.

    `fields`: what the review page carries along instead of what was posted; a secret is posted but never carried.

    `previews` and `api`: shown, and not part of the plan that is recorded.

    `apply` may answer with a page itself: for what is shown once and stored nowhere (a password, a private key).
    """
    page = ReviewPage(
        cluster=cluster,
        plan=replace(plan, api=api) if api else plan,
        fields=carried_fields(request.POST) if fields is None else fields,
        back_url=back_url,
        crumbs=crumbs,
        editable=editable,
        previews=previews,
    )
    if plan.refusals:
        return _refused(request, page, plan)
    digest = request.POST.get("digest", "")
    if not digest:
        return render_page(request, page)
    if digest != plan.digest:
        record_refused_plan(
            actor_of(request), plan, f"{plan.title}: the state changed since the plan was shown"
        )
        return render_page(request, replace(page, stale=True), status=409)
    if plan.confirm_name and request.POST.get("confirm", "").strip() != plan.confirm_name:
        error = f"Type {plan.confirm_name} exactly as it is written."
        return render_page(request, replace(page, confirm_error=error), status=422)
    done = apply(plan)
    if isinstance(done, HttpResponse):
        return done
    messages.success(request, done.message)
    return HttpResponseRedirect(done.url, status=303)


def _refused(request: HttpRequest, page: ReviewPage, plan: Plan) -> HttpResponse:
    """Recorded where it was an attempt: to look at a plan by GET is none."""
    if request.method == "POST":
        record_refused_plan(actor_of(request), plan, plan.refusals[0].what)
    if page.editable and getattr(request, "form_behind", False):
        refused = Refused(plan.refusals, plan)
        refused.recorded = True
        raise refused
    return render_page(request, page, status=422 if request.method == "POST" else 200)


def carried_fields(data: QueryDict) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, str(value)) for name, values in data.lists() if name not in CONTROL_FIELDS for value in values
    )
