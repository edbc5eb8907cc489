"""PK-5: an installation that is served in clear beyond this machine says so on every page, before and after login."""

from __future__ import annotations

import pytest
from django.conf import LazySettings
from django.test import Client

from controlplane.core.access import Role
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db
WORDS = "This installation is served without TLS."


@pytest.mark.parametrize("insecure", [True, False])
def test_every_page_says_so(settings: LazySettings, insecure: bool) -> None:
    settings.INSECURE = insecure
    pages = [Client().get("/login/"), *(signed_in(Role.VIEWER).get(path) for path in ("/manual/", "/jobs/"))]
    assert [page.status_code for page in pages] == [200, 200, 200]
    assert [WORDS in page.content.decode() for page in pages] == [insecure] * 3
