"""WS-2: the headers of every route, and the cookies under TLS."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client

from controlplane.core.access import Role
from tests.web.matrix import Route, routes
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
#: Signing out in the middle of the crawl would make the rest of it anonymous.
LEFT_OUT = {"account_logout", "accounts:login_link"}
CRAWLED = [route for route in routes() if route.name not in LEFT_OUT]


def check_headers(headers: dict[str, str]) -> None:
    policy = headers["Content-Security-Policy"]
    assert "unsafe-inline" not in policy
    assert "unsafe-eval" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert "http:" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["X-Request-ID"]


@pytest.mark.parametrize("route", CRAWLED, ids=lambda route: route.path)
def test_signed_in_pages_have_the_headers_and_are_not_stored(route: Route) -> None:
    client = signed_in(Role.ADMIN)
    client.raise_request_exception = False
    answer = client.get(route.path)
    check_headers(dict(answer.headers))
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.status_code != 500, answer.content[:400]


def test_the_page_before_login_has_the_headers(client: Client) -> None:
    check_headers(dict(client.get("/login/").headers))


def test_cookies_are_http_only_and_same_site(client: Client) -> None:
    client.get("/login/")
    assert client.cookies
    for cookie in client.cookies.values():
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"


SETTINGS_UNDER_TLS = """
import django, os
os.environ["DJANGO_SETTINGS_MODULE"] = "controlplane.config.settings"
django.setup()
from django.conf import settings as s
assert s.SESSION_COOKIE_NAME.startswith("__Host-") and s.CSRF_COOKIE_NAME.startswith("__Host-")
assert s.SESSION_COOKIE_SECURE and s.CSRF_COOKIE_SECURE and s.SESSION_COOKIE_HTTPONLY and s.CSRF_COOKIE_HTTPONLY
assert s.SESSION_COOKIE_PATH == "/" and s.SESSION_COOKIE_DOMAIN is None and s.CSRF_COOKIE_DOMAIN is None
assert s.SECURE_HSTS_SECONDS >= 31536000 and s.SECURE_SSL_REDIRECT
assert s.SECURE_PROXY_SSL_HEADER == ("HTTP_X_FORWARDED_PROTO", "https")
"""


def run_with(
    environment: dict[str, str], tmp_path: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    env = {"PATH": "/usr/bin:/bin", "KASTELLAN_DATA": str(tmp_path / "data"), **environment}
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )


def test_cookies_carry_the_host_prefix_under_tls(tmp_path: Path) -> None:
    done = run_with({"KASTELLAN_TRUSTED_PROXY": "1"}, tmp_path, "-c", SETTINGS_UNDER_TLS)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"KASTELLAN_TLS": "1"},
        {
            "KASTELLAN_HOST": "0.0.0.0",
            "KASTELLAN_TRUSTED_PROXY": "1",
            "KASTELLAN_ALLOWED_HOSTS": "kafka.example",
        },
    ],
)
def test_the_deployment_check_has_no_finding(environment: dict[str, str], tmp_path: Path) -> None:
    """WS-1, as shipped and in both ways of going public."""
    done = run_with(environment, tmp_path, "manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


def test_another_address_without_tls_is_refused(tmp_path: Path) -> None:
    done = run_with({"KASTELLAN_HOST": "0.0.0.0"}, tmp_path, "manage.py", "check")
    assert done.returncode != 0
    assert "would send passwords in clear" in done.stderr


@pytest.mark.parametrize("name", ["KASTELLAN_PORT", "KASTELLAN_TLS", "KASTELLAN_SESSION_HOURS"])
def test_a_bad_setting_stops_the_start_with_its_name(name: str, tmp_path: Path) -> None:
    done = run_with({name: "perhaps"}, tmp_path, "manage.py", "check")
    assert done.returncode != 0
    assert name in done.stderr


def test_secrets_are_made_private_at_the_first_start(tmp_path: Path) -> None:
    run_with({}, tmp_path, "manage.py", "check")
    key = tmp_path / "data" / "secrets" / "django-secret-key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.parent.stat().st_mode & 0o777 == 0o700
    first = key.read_text()
    run_with({}, tmp_path, "manage.py", "check")
    assert key.read_text() == first
