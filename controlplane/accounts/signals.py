"""Logins, logouts and failures of the browser, recorded in the audit."""

from __future__ import annotations
