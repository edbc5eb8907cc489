"""The browser fixtures of tests/ui, for stories that are told against the real cluster."""

from __future__ import annotations

from tests.ui.conftest import admin, browser, open_page, viewer

__all__ = ["admin", "browser", "open_page", "viewer"]
