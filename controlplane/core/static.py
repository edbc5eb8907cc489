"""Static files under content-hashed names once `collectstatic` has run; under their own names before that."""

from __future__ import annotations

from django.contrib.staticfiles.storage import HashedFilesMixin
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
