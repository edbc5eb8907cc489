"""How the API's authentication stands in the OpenAPI document. Loaded by the app's ready()."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call, unused-ignore]
    target_class = "controlplane.accounts.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Token kst_…`, made under Settings, API tokens. `Bearer kst_…` is taken too.",
        }


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call, unused-ignore]
    target_class = "controlplane.accounts.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "X-CSRFToken",
            "description": "The browser's session cookie, with the CSRF token for everything but reads.",
        }
