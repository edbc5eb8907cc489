"""Static files under content-hashed names once `collectstatic` has run; under their own names before that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.staticfiles.finders import AppDirectoriesFinder
from django.contrib.staticfiles.storage import HashedFilesMixin
from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile
from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    manifest_strict = False
    #: ES modules import each other by relative names: those are rewritten to the hashed ones.
    support_js_module_import_aggregation = True

    def stored_name(self, name: str) -> str:
        """Development and tests have no manifest: the finders serve the file in place."""
        if not self.hashed_files:
            return name
        return (
            str(HashedFilesMixin.stored_name(self, name))
            if self.hash_key(name) in self.hashed_files
            else name
        )


class NeededAppsFinder(AppDirectoriesFinder):
    """Of installed packages only those whose scripts our pages load: not DRF's browsable API, not a second htmx."""

    def __init__(self, app_names: Sequence[str] | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(app_names or ("allauth.account", "allauth.mfa"), *args, **kwargs)


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]
    """Our files are small: one body each. Streaming would be read chunk by chunk in a thread under ASGI."""

    @staticmethod
    def serve(static_file: StaticFile, request: HttpRequest) -> HttpResponse:
        found = static_file.get_response(request.method, request.META)
        content = b""
        if found.file is not None:
            with found.file as file:
                content = file.read()
        response = HttpResponse(content, status=int(found.status))
        del response["content-type"]
        for name, value in found.headers:
            response[name] = value
        return response
