"""Where secrets are looked for: the database, the log, what the worker is handed, every page, list and export."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from django.test import Client

from controlplane.audit.models import Operation
from controlplane.core.access import Role
from controlplane.jobs.models import Job
from tests.conftest import Api
from tests.users.test_once import dump
from tests.web.matrix import routes
from tests.web.people import signed_in

Places = dict[str, str]
LISTS = ("/operations/", "/jobs/", "/api/v1/operations/", "/api/v1/jobs/")
#: A path with one of these is a list as a file.
EXPORTS = ("?format=csv", "?format=json")


def stored(log: str, handed: Iterable[str]) -> Places:
    return {"the database": dump(), "the log": log, "the worker's messages": "\n".join(handed)}


def everywhere() -> list[str]:
    """Every route as it is filled in the matrix."""
    return [route.path for route in routes()]


def seen(api: Callable[[Role], Api], paths: Iterable[str]) -> Places:
    """Of these paths, of each operation and of each job: in the API for a viewer and an admin."""
    browser, viewer, admin = signed_in(Role.ADMIN), api(Role.VIEWER), api(Role.ADMIN)
    each_one = [
        *(f"/operations/{row.uid}/" for row in Operation.objects.all()),
        *(f"/api/v1/operations/{row.uid}/" for row in Operation.objects.all()),
        *(f"/jobs/{row.pk}/" for row in Job.objects.all()),
    ]
    found: Places = {}
    for path in dict.fromkeys([*LISTS, *paths, *each_one]):
        if path.startswith("/api/"):
            for who, call in (("a viewer", viewer), ("an admin", admin)):
                found[f"{path} for {who}"] = _text(call.client, path)
        else:
            found[path] = _text(browser, path)
    return found


def _text(client: Client, path: str) -> str:
    return client.get(path).content.decode(errors="replace")


def found_in(secrets: Mapping[str, str], places: Places) -> list[tuple[str, str]]:
    """Each secret with each place that shows it."""
    return [
        (door, place) for door, secret in secrets.items() for place, text in places.items() if secret in text
    ]
