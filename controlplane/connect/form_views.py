"""Connectors are made, changed and cloned in the browser: by fields from the plugin's definitions or by JSON, one content.

`shape` says which of the two was sent, `to` which is wanted next: the tabs are buttons of the form, so nothing is lost.
"""

from __future__ import annotations

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.views.decorators.http import require_http_methods

from controlplane.clusters.access import cluster_view
from controlplane.clusters.changes import Done, filled, review_or_apply
from controlplane.clusters.models import Cluster
from controlplane.connect import guarding, pages, selectors, services
from controlplane.connect.external_views import crumbs_of, url_of
from controlplane.connect.selectors import Connect
from controlplane.connect.setting_forms import Config, DefinitionForm, JsonForm, Origin, SettingsForm
from controlplane.core.access import Action
from controlplane.core.actors import actor_of
from controlplane.core.errors import NotFound
from controlplane.core.pages import Page, render_page
from controlplane.core.plans import Plan
from controlplane.gateways.connect import MASK, aliases
from controlplane.gateways.errors import GatewayError

CHANGING = ("GET", "POST")


@require_http_methods(CHANGING)
@cluster_view(Action.CONNECTOR_EDIT)
def create(request: HttpRequest, cluster: Cluster, connect: str) -> HttpResponse:
    """`?plugin=class` begins empty, `?clone=name` with the settings of another one, `?as=json` with its shape."""
    where = selectors.connect_of(cluster, connect)
    cloned, plugin = request.GET.get("clone", ""), request.GET.get("plugin", "")
    if not (cloned or plugin or request.method == "POST" or request.GET.get("as") == "json"):
        return render_page(
            request, pages.ChoosePage(cluster=cluster, connect=where, plugins=where.api.plugins())
        )
    if cloned:
        guarding.require(actor_of(request), where, cloned, Action.CONNECTOR_VIEW)
    if plugin and not cloned and request.method != "POST":
        _must_have(where, plugin)
    shown = selectors.masked(where, cloned) if cloned else {"connector.class": plugin, "tasks.max": "1"}
    origin = Origin(
        f"{cluster.name}/{connect}",
        config=shown,
        files=str(where.files or ""),
        retype=frozenset(name for name, value in shown.items() if value == MASK) if cloned else frozenset(),
    )
    return _form(request, where, origin, resolve_url("connect:connectors", cluster.name, connect))


def _must_have(where: Connect, plugin: str) -> None:
    """An address may name any class; the short names that Connect takes too are fine."""
    names = {name for each in where.api.plugins() for name in aliases(each.name)}
    if plugin not in names:
        raise NotFound(
            f"{where.title} has no plugin {plugin}", hint="Create connector shows those that it has."
        )


@require_http_methods(CHANGING)
@cluster_view(Action.CONNECTOR_EDIT)
def edit(request: HttpRequest, cluster: Cluster, connect: str, connector: str) -> HttpResponse:
    where = guarding.reached(actor_of(request), cluster, connect, connector, Action.CONNECTOR_EDIT)
    origin = Origin(
        f"{cluster.name}/{connect}/{connector}",
        connector,
        selectors.masked(where, connector),
        files=str(where.files or ""),
    )
    return _form(request, where, origin, url_of(where, connector))


def _form(request: HttpRequest, where: Connect, origin: Origin, back: str) -> HttpResponse:
    form = _form_of(request, where, origin)
    if "to" in request.POST:
        return _switched(request, where, origin, form, back)

    def page() -> Page:
        if form.is_bound:
            form.keep_secrets()
        return _page(request, where, origin, form, back)

    def review() -> HttpResponse:
        asked = form.to_request()
        guarding.require_name(actor_of(request), where, asked.name)

        def apply(plan: Plan) -> Done:
            services.apply_put(actor_of(request), where, asked, plan)
            done = "changed" if origin.fixed_name else "made"
            return Done(f"{asked.name} is {done}", url_of(where, asked.name))

        return review_or_apply(
            request,
            cluster=where.cluster,
            plan=services.plan_put(actor_of(request), where, asked),
            back_url=back,
            apply=apply,
            crumbs=crumbs_of(where, origin.fixed_name),
            editable=True,
            fields=form.carried(),
        )

    return filled(request, form, page, review)


def _form_of(request: HttpRequest, where: Connect, origin: Origin) -> SettingsForm:
    """In the shape that was sent, or is asked for; JSON where the plugin has no definitions to show."""
    sent = request.POST.get("shape") or request.GET.get("as") or DefinitionForm.shape
    plugin = request.POST.get("plugin") or origin.config.get("connector.class", "")
    data = request.POST.dict() if request.method == "POST" else None
    return _shaped(sent, plugin, where, origin, data, origin.config)


def _shaped(
    shape: str, plugin: str, where: Connect, origin: Origin, data: dict[str, str] | None, config: Config
) -> SettingsForm:
    """A form of this shape: bound to `data`, or else beginning with `config`."""
    if shape == DefinitionForm.shape:
        try:
            found = where.api.validation(plugin, {**config, "connector.class": plugin, "name": "x"})
        except GatewayError:
            if data is not None and "carried" not in data and "config" not in data:
                raise
        else:
            form = DefinitionForm(data, origin, {}, found)
            return form if data is not None else _begun(form, config)
    return JsonForm(data, origin, {}) if data is not None else _begun(JsonForm(None, origin, {}), config)


def _begun(form: SettingsForm, config: Config) -> SettingsForm:
    """A secret that a clone lacks is an empty field, where it has one; elsewhere the mask shows where it goes."""
    fields = form.settings if isinstance(form, DefinitionForm) else {}
    lacking = {name for name in form.origin.retype if name in fields}
    form.initial = form.fields_of({name: value for name, value in config.items() if name not in lacking})
    return form


def _switched(
    request: HttpRequest, where: Connect, origin: Origin, form: SettingsForm, back: str
) -> HttpResponse:
    """The other shape with the same content; what cannot be read stays as it is, with the reason."""
    try:
        config = form.meant()
    except forms.ValidationError:
        form.is_valid()
        return render_page(request, _page(request, where, origin, form, back), status=422)
    carried = {name: str(form.data[name]) for name in ("name", "initial_state") if name in form.data}
    data = {**carried, "carried": "1", "sealed": form.sealed_of(config)}
    # A plugin that is asked about settings opens files and connects already.
    tried = config if services.may_be_tried(actor_of(request), where, config) else origin.config
    other = _shaped(request.POST["to"], config.get("connector.class", ""), where, origin, data, tried)
    if other.shape != request.POST["to"]:
        other.is_valid()
        other.add_error(None, "The plugin has no definitions to show: is connector.class right?")
    else:
        other.is_bound, other.initial = False, dict(other.data)
    return render_page(request, _page(request, where, origin, other, back))


def _page(request: HttpRequest, where: Connect, origin: Origin, form: SettingsForm, back: str) -> Page:
    plugin = (
        form.found.plugin if isinstance(form, DefinitionForm) else origin.config.get("connector.class", "")
    )
    return pages.ConnectorFormPage(
        cluster=where.cluster,
        connect=where,
        form=form,
        name=origin.fixed_name,
        plugin=plugin,
        cloned=request.GET.get("clone", ""),
        back_url=back,
    )
