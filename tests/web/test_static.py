"""Static files: served in place before collectstatic, under hashed names after it, and never to other origins."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client

from tests.web.test_headers import run_with


@pytest.mark.django_db
def test_a_file_is_served_in_one_piece_and_can_be_revalidated(client: Client) -> None:
    first = client.get("/static/app.css")
    assert first.status_code == 200
    assert not first.streaming
    assert first.content
    assert "Access-Control-Allow-Origin" not in first.headers
    again = client.get("/static/app.css", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert client.get("/static/../manage.py").status_code == 404


HASHED = """
import django
django.setup()
from django.templatetags.static import static
url = static("app.css")
assert url != "/static/app.css" and url.startswith("/static/app."), url
"""


def test_after_collectstatic_names_carry_a_hash(tmp_path: Path) -> None:
    environment = {"DJANGO_SETTINGS_MODULE": "controlplane.config.settings"}
    assert run_with(environment, tmp_path, "manage.py", "collectstatic", "--noinput").returncode == 0
    done = run_with(environment, tmp_path, "-c", HASHED)
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "data" / "static").glob("app.*.css.gz"))
