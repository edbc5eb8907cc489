"""Explicit lists are complete: routes, pages and their templates, jobs, periodic tasks, actions."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.module_loading import import_string

import controlplane
from controlplane.config.celery import app
from controlplane.config.schedule import SCHEDULE
from controlplane.core.access import Action
from controlplane.core.pages import Page
from controlplane.core.rest import ApiView

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "templates"
SOURCES = {str(path.relative_to(TEMPLATES)): path.read_text() for path in TEMPLATES.rglob("*.html")}
#: Overrides of allauth's own templates: its views give them their context.
OF_ALLAUTH = ("account/", "allauth/", "mfa/", "usersessions/", "socialaccount/")
#: Django finds these by their names.
BY_NAME = {"400.html", "403.html", "403_csrf.html", "404.html", "500.html"}
#: Frames that allauth's pages extend.
FRAMES = {"base.html", "base_plain.html"}


def everything() -> None:
    for module in pkgutil.walk_packages(controlplane.__path__, "controlplane."):
        if "migrations" not in module.name and not module.name.endswith(("__main__", "asgi")):
            importlib.import_module(module.name)


def below(kind: type) -> Iterator[type]:
    for sub in kind.__subclasses__():
        if sub.__module__.startswith("controlplane."):
            yield sub
            yield from below(sub)


def pages() -> list[type[Page]]:
    everything()
    return sorted(
        {kind for kind in below(Page) if hasattr(kind, "template")}, key=lambda kind: kind.__qualname__
    )


def callbacks(patterns: list[URLPattern | URLResolver]) -> Iterator[object]:
    for each in patterns:
        if isinstance(each, URLResolver):
            yield from callbacks(each.url_patterns)
        else:
            yield getattr(each.callback, "cls", each.callback)


@pytest.mark.parametrize("kind", pages(), ids=lambda kind: kind.__qualname__)
def test_the_first_line_of_a_template_names_its_page(kind: type[Page]) -> None:
    users = {each.__qualname__ for each in pages() if each.template == kind.template}
    first = SOURCES[kind.template].splitlines()[0]
    said = re.match(r"\{#\s*(\w+)", first)
    assert said is not None
    assert said[1] in users | {base.__qualname__ for base in kind.__mro__}, first


def test_no_template_is_left_over() -> None:
    used = {kind.template for kind in pages()} | BY_NAME | FRAMES
    for source in SOURCES.values():
        used |= set(re.findall(r"""(?:include|extends) ["']([\w/.-]+)["']""", source))
    code = "".join(path.read_text() for path in (ROOT / "controlplane").rglob("*.py"))
    left = {
        name for name in SOURCES.keys() - used if not name.startswith(OF_ALLAUTH) and f'"{name}"' not in code
    }
    assert left == set()


def test_every_operation_of_the_api_has_a_route() -> None:
    everything()
    routed = set(callbacks(get_resolver().url_patterns))
    left = {kind.__qualname__ for kind in below(ApiView) if kind not in routed and not kind.__subclasses__()}
    assert left == set()


def test_every_route_has_a_name() -> None:
    def unnamed(patterns: list[URLPattern | URLResolver]) -> Iterator[str]:
        for each in patterns:
            if isinstance(each, URLResolver):
                yield from unnamed(each.url_patterns)
            elif not each.name:
                yield str(each.pattern)

    assert list(unnamed(get_resolver().url_patterns)) == []


@pytest.mark.parametrize("kind", settings.JOB_KINDS)
def test_a_job_kind_has_its_handler(kind: str) -> None:
    assert callable(import_string(settings.JOB_KINDS[kind]))


def test_every_job_that_is_enqueued_is_a_kind() -> None:
    code = "".join(path.read_text() for path in (ROOT / "controlplane").rglob("*.py"))
    enqueued = set(re.findall(r"""enqueue\(\s*kind=["']([\w.]+)["']""", code))
    assert enqueued
    assert enqueued <= set(settings.JOB_KINDS)


@pytest.mark.parametrize("name", SCHEDULE)
def test_a_periodic_task_is_a_task(name: str) -> None:
    everything()
    assert SCHEDULE[name]["task"] in app.tasks


@pytest.mark.parametrize("action", Action)
def test_an_action_guards_something(action: Action) -> None:
    code = "".join(
        path.read_text() for path in (ROOT / "controlplane").rglob("*.py") if path.name != "access.py"
    )
    assert f"Action.{action.name}" in code
