"""An authority's page: its runbook, and the plan of each step."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from controlplane.accounts.services import actor_of
from controlplane.certificates import rotation
from controlplane.certificates.logic.rotation_state import RotationStep
from controlplane.certificates.logic.runbook import entries
from controlplane.certificates.rotation_forms import SEALED, BeginForm, Source
from controlplane.certificates.rotation_pages import AuthorityPage, BeginPage
from controlplane.clusters.access import allowed, cluster_view
from controlplane.clusters.changes import Done, carried_fields, filled, review_or_apply
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action
from controlplane.core.downloads import attachment
from controlplane.core.errors import Invalid, NotFound
from controlplane.core.forms import sentence
from controlplane.core.pages import render_page
from controlplane.core.plans import Plan
from controlplane.core.secrets import SecretUnreadable, decrypt, encrypt
from controlplane.gateways import authorities
from controlplane.gateways import broker as bundled
from controlplane.gateways.authorities import Hierarchy
from controlplane.gateways.broker import Purpose
from controlplane.gateways.errors import InvalidRequest

SECRETS = ("key", "password", SEALED)


@require_safe
@cluster_view(Action.CERTIFICATE_VIEW)
def authority(request: HttpRequest, cluster: Cluster, purpose: str) -> HttpResponse:
    state = rotation.state_of(cluster, purpose_of(purpose))
    page = AuthorityPage(
        cluster=cluster,
        state=state,
        entries=entries(state),
        job=rotation.newest_job(cluster, purpose_of(purpose)),
        can=allowed(request, cluster, Action.AUTHORITY_MANAGE),
    )
    return render_page(request, page)


@sensitive_post_parameters(*SECRETS)
@sensitive_variables("successor")
@require_http_methods(["GET", "POST"])
@cluster_view(Action.AUTHORITY_MANAGE)
def begin(request: HttpRequest, cluster: Cluster, purpose: str) -> HttpResponse:
    wanted = purpose_of(purpose)
    form = BeginForm(request.POST or None)

    def page() -> BeginPage:
        return BeginPage(cluster=cluster, state=rotation.state_of(cluster, wanted), form=form)

    @sensitive_variables("successor")
    def review() -> HttpResponse:
        successor = _successor(request, cluster, wanted, form)
        uploaded = form.cleaned_data["source"] == Source.UPLOADED
        plan = rotation.plan(cluster, wanted, RotationStep.BEGIN, successor, key_given=uploaded)
        return _review(
            request,
            cluster,
            wanted,
            RotationStep.BEGIN,
            plan,
            successor,
            fields=_carried(request, cluster, wanted, form),
        )

    return filled(request, form, page, review)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.AUTHORITY_MANAGE)
def step(request: HttpRequest, cluster: Cluster, purpose: str, step: str) -> HttpResponse:
    wanted = purpose_of(purpose)
    try:
        taken = RotationStep(step)
    except ValueError:
        raise NotFound(f"There is no step {step!r}") from None
    if taken is RotationStep.BEGIN and request.method == "GET":
        return redirect("certificates:rotation_begin", cluster.name, wanted.value)
    return _review(request, cluster, wanted, taken, rotation.plan(cluster, wanted, taken))


@require_POST
@cluster_view(Action.AUTHORITY_MANAGE)
def signing_request(request: HttpRequest, cluster: Cluster, purpose: str) -> HttpResponse:
    """The request for an issuing authority, to be signed elsewhere. Its key stays here; asked again, it is the same."""
    wanted = purpose_of(purpose)
    pem = rotation.signing_request(actor_of(request), cluster, wanted)
    response = attachment(pem, "application/pkcs10", f"{cluster.name}-{wanted.value}.csr")
    response.headers["Cache-Control"] = "no-store"
    return response


def purpose_of(text: str) -> Purpose:
    try:
        return Purpose(text)
    except ValueError:
        raise NotFound(
            f"There is no authority for {text!r}", hint="There are two: brokers and clients."
        ) from None


def _review(
    request: HttpRequest,
    cluster: Cluster,
    purpose: Purpose,
    step: RotationStep,
    plan: Plan,
    successor: Hierarchy | None = None,
    fields: tuple[tuple[str, str], ...] | None = None,
) -> HttpResponse:
    back = resolve_url("certificates:authority", cluster.name, purpose.value)

    def apply(plan: Plan) -> Done:
        job = rotation.apply(actor_of(request), cluster, purpose, step, plan, successor)
        return Done(f"{plan.title}: started", resolve_url("jobs:detail", job.pk))

    return review_or_apply(
        request,
        cluster=cluster,
        plan=plan,
        back_url=back,
        apply=apply,
        crumbs=_crumbs(cluster, purpose),
        fields=fields,
        editable=step is RotationStep.BEGIN,
    )


def _successor(request: HttpRequest, cluster: Cluster, purpose: Purpose, form: BeginForm) -> Hierarchy | None:
    spec, data = bundled.bundled_cluster(cluster.name), form.cleaned_data
    match Source(data["source"]):
        case Source.OWN:
            return None
        case Source.SIGNED:
            with _told_at("chain"):
                return authorities.signed_hierarchy(spec, purpose, data["chain"])
        case Source.UPLOADED:
            key, password = _key(request, cluster, purpose, form)
            with _told_at("key"):
                authorities.check_key(key, password)
            with _told_at("chain"):
                return authorities.uploaded_hierarchy(
                    spec, purpose, chain_pem=data["chain"], key_pem=key, password=password
                )


@contextmanager
def _told_at(field: str) -> Generator[None]:
    """What is wrong with the text of a field stands at that field; a password that is missing or wrong, at its own."""
    try:
        yield
    except InvalidRequest as error:
        where = "password" if "password" in error.what else field
        raise Invalid(fields={where: [sentence(error.what, error.hint)]}) from error


def _key(request: HttpRequest, cluster: Cluster, purpose: Purpose, form: BeginForm) -> tuple[str, str]:
    sealed = request.POST.get(SEALED)
    if not sealed:
        return form.cleaned_data["key"], form.cleaned_data["password"]
    try:
        key, _, password = decrypt(sealed, context=_context(request, cluster, purpose)).partition("\0")
    except SecretUnreadable as error:
        raise Invalid("The key belongs to another request", hint="Give it again.") from error
    return key, password


def _carried(
    request: HttpRequest, cluster: Cluster, purpose: Purpose, form: BeginForm
) -> tuple[tuple[str, str], ...]:
    """What the review page carries along: never a key, only its ciphertext for this person, cluster and authority."""
    fields = [(name, value) for name, value in carried_fields(request.POST) if name not in SECRETS]
    key, password = _key(request, cluster, purpose, form)
    if key:
        sealed = encrypt(f"{key}\0{password}", context=_context(request, cluster, purpose))
        fields.append((SEALED, sealed))
    return tuple(fields)


def _context(request: HttpRequest, cluster: Cluster, purpose: Purpose) -> str:
    return f"certificates.rotation:{actor_of(request).user_id}:{cluster.name}:{purpose.value}"


def _crumbs(cluster: Cluster, purpose: Purpose) -> tuple[tuple[str, str], ...]:
    return (
        ("Certificates", resolve_url("certificates:list", cluster.name)),
        ("Authorities", resolve_url("certificates:authorities", cluster.name)),
        (f"For {purpose.value}", resolve_url("certificates:authority", cluster.name, purpose.value)),
    )
