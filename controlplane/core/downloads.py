"""An answer that a browser saves as a file."""

from __future__ import annotations

from django.http import HttpResponse


def attachment(body: bytes | str, content_type: str, name: str) -> HttpResponse:
    """`name` is ours: letters, digits, dots and hyphens, nothing that a header would have to quote."""
    response = HttpResponse(body, content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
