"""Headless Chromium for tests: pages of a signed-in user, axe, and everything that must stay silent.

A page made here notes CSP violations, console errors, uncaught exceptions, htmx errors and elements that hx-csp
stripped; `Seen.assert_quiet` fails with them. Screenshots go to .cache/screenshots.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, Page

from controlplane.accounts.models import User

Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
#: For pages that are many or slow to come to: the dark one with --all.
LIGHT_FIRST = ("light", pytest.param("dark", marks=pytest.mark.slow))
WIDTHS = (375, 768, 1440)
SCREENSHOTS = Path(__file__).resolve().parents[2] / ".cache" / "screenshots"
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
WATCH = """
addEventListener("securitypolicyviolation", (e) => kastellanSaw(`CSP ${e.violatedDirective}: ${e.blockedURI} ${e.sourceFile}`));
addEventListener("htmx:error", (e) => kastellanSaw(`htmx:error ${e.detail?.error ?? e.detail?.ctx?.error ?? ""}`));
addEventListener("htmx:security:strip", (e) => kastellanSaw(`stripped ${e.target.outerHTML.slice(0, 120)}`));
"""


def chromium_path() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("KASTELLAN_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@dataclass
class Seen:
    """A page and what went wrong on it so far."""

    page: Page
    base: str
    problems: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        self.page.goto(self.base + path)
        return self.page

    def expect(self, text: str) -> None:
        """A problem that this test provokes on purpose: any that contains `text`."""
        self.expected.append(text)

    def assert_quiet(self) -> None:
        loud = [p for p in self.problems if not any(text in p for text in self.expected)]
        assert not loud, "\n".join(loud)

    def assert_accessible(self, *, exclude: tuple[str, ...] = ()) -> None:
        found = axe_violations(self.page, exclude=exclude)
        assert not found, "\n".join(found)

    def assert_fits(self) -> None:
        """Nothing is wider than the window: tables scroll in their own container."""
        over = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert over <= 0, f"{self.page.url} is {over} px wider than the window"

    def screenshot(self, name: str, *, full: bool = True) -> Path:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        self.page.screenshot(path=path, full_page=full)
        return path


def axe_violations(page: Page, *, exclude: tuple[str, ...] = ()) -> list[str]:
    context: Any = {"exclude": [[selector] for selector in exclude]} if exclude else None
    options = {"runOnly": {"type": "tag", "values": AXE_TAGS}, "resultTypes": ["violations"]}
    result = Axe().run(page, context=context, options=options)
    return [
        f"{violation['id']}: {node['html'][:160]} — {node.get('failureSummary', '')[:200]}"
        for violation in result.response["violations"]
        for node in violation["nodes"]
    ]


def session_cookies(user: User, base: str) -> list[Any]:
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    return [{"name": name, "value": client.cookies[name].value, "url": base}]


@contextmanager
def page_for(
    browser: Browser,
    live_url: str,
    user: User | None = None,
    theme: Theme = "light",
    width: int = 1440,
) -> Iterator[Seen]:
    """A page of `user` (None: nobody signed in) in a context of its own; `with page_for(…) as seen: seen.open("/")`."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=theme,
        reduced_motion="reduce",
        base_url=live_url,
    )
    if user is not None:
        context.add_cookies(session_cookies(user, live_url))
    page = context.new_page()
    seen = Seen(page, live_url)
    page.expose_function("kastellanSaw", lambda text: seen.problems.append(text))
    page.add_init_script(WATCH)
    page.on("pageerror", lambda error: seen.problems.append(f"exception {error}"))
    page.on("response", lambda r: seen.problems.append(f"{r.status} {r.url}") if r.status >= 400 else None)
    page.on("console", lambda m: seen.problems.append(f"console {m.text}") if m.type == "error" else None)
    page.set_default_timeout(10_000)
    try:
        yield seen
    finally:
        context.close()
