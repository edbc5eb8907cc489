"""Failures of connectors in templates."""

from __future__ import annotations

from django import template

from controlplane.connect.logic import failures

register = template.Library()
register.filter("cause", failures.cause_of)
