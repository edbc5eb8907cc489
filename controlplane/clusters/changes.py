"""The one walk of every change in the browser: form → plan → review → apply → where to go next.

1. POST without a digest shows the plan; nothing has happened.
2. POST with the digest of the plan that was shown applies it, if the state is still the one it was made from.
3. Another digest means that the state moved: 409, the new plan, a banner; nothing applied.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict

from controlplane.audit.services import record_refused_plan
from controlplane.clusters.models import Cluster
from controlplane.core.actors import actor_of
from controlplane.core.pages import Page, render_page
from controlplane.core.plans import Plan

CONTROL_FIELDS = frozenset({"csrfmiddlewaretoken", "digest", "confirm", "edit"})


@dataclass(frozen=True, slots=True)
class Done:
    """After an applied plan: what to tell, and where to look at the result."""

    message: str
    url: str


@dataclass(frozen=True)
class ReviewPage(Page):
    """The plan, with the form's own fields carried along hidden so that apply recomputes the same plan."""

    template: ClassVar[str] = "clusters/review.html"

    cluster: Cluster
    plan: Plan
    fields: tuple[tuple[str, str], ...]
    back_url: str
    crumbs: tuple[tuple[str, str], ...] = ()
    stale: bool = False
    confirm_error: str = ""
    editable: bool = False


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
) -> HttpResponse:
    """`editable`: the view shows its form again, filled in, when `edit` is posted.

    `fields`: what the review page carries along instead of what was posted; a secret is posted but never carried.

    `apply` may answer with a page itself: for what is shown once and stored nowhere (a password, a private key).
    """
    page = ReviewPage(
        cluster=cluster,
        plan=plan,
        fields=carried_fields(request.POST) if fields is None else fields,
        back_url=back_url,
        crumbs=crumbs,
        editable=editable,
    )
    digest = request.POST.get("digest", "")
    if plan.refusals:
        record_refused_plan(actor_of(request), plan, plan.refusals[0].what)
        return render_page(request, page, status=422)
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


def carried_fields(data: QueryDict) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, str(value)) for name, values in data.lists() if name not in CONTROL_FIELDS for value in values
    )
