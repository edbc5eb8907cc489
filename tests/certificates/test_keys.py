"""CA-7: no private key anywhere but in the one answer. After issuing, renewing and downloading, everything that this
installation keeps is searched: every table, the logs, the audit, jobs, stored answers, the metric history.
"""

from __future__ import annotations

import inspect
import logging

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import connection

from controlplane.audit.models import Operation
from controlplane.certificates import tasks
from controlplane.certificates.models import Certificate
from controlplane.clusters.models import Cluster
from tests.certificates.conftest import CERTIFICATES, Issue
from tests.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)
WORDS = ("PRIVATE KEY", "UFJJVkFURSBLRVk")  # the second is its base64, as inside an archive that was stored


def dump() -> str:
    """Every value of every table, as text."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')  # names of our own tables
            found += [repr(row) for row in cursor.fetchall()]
    return "\n".join(found)


def test_no_key_is_left_behind(
    cluster: Cluster, admin_api: Api, issue: Issue, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        made = issue(f"{prefix}.secret")
        renewed = admin_api(
            "POST", f"{CERTIFICATES}{made.serial}/renew/", {}, Idempotency_Key="renew-once"
        ).json()
        admin_api("POST", CERTIFICATES, {"common_name": f"{prefix}.x"}, Idempotency_Key="issue-once")
        for path in ("", f"{made.serial}/", f"{made.serial}/chain.pem", "authorities/", "own/", "expiry/"):
            answer = admin_api("GET", f"{CERTIFICATES}{path}")
            assert b"PRIVATE KEY" not in answer.content, path
        tasks.refresh_lists()
        tasks.sample()
    rows = dump()
    assert made.serial in rows
    secrets = [
        made.answer["keystore_password"],
        renewed["keystore_password"],
        made.answer["private_key_pem"].splitlines()[1],
        renewed["private_key_pem"].splitlines()[1],
        made.answer["bundle"][:64],
    ]
    for secret in (*WORDS, *secrets):
        assert secret not in rows
        assert secret not in caplog.text
    assert Operation.objects.filter(target__startswith=prefix).count() == 3


def test_a_row_with_a_private_key_is_refused_by_the_model_itself(
    cluster: Cluster, issue: Issue, prefix: str
) -> None:
    made = issue(f"{prefix}.row")
    row = Certificate.objects.get(serial=made.serial)
    row.pem = made.answer["private_key_pem"]
    with pytest.raises(ValidationError, match="never stored"):
        row.full_clean(validate_unique=False, validate_constraints=False)


def test_tasks_take_names_only() -> None:
    wanted = {
        "check": ["name", "host", "port"],
        "check_all": [],
        "check_new": [],
        "refresh_lists": [],
        "sample": [],
    }
    for name, arguments in wanted.items():
        assert list(inspect.signature(getattr(tasks, name).run).parameters) == arguments


def test_no_table_has_a_column_for_a_key() -> None:
    for model in apps.get_app_config("certificates").get_models():
        names = {field.name for field in model._meta.get_fields()}
        assert not {name for name in names if "private" in name or "secret" in name or "password" in name}


def test_there_is_no_address_for_the_key_of_an_authority(cluster: Cluster, admin_api: Api) -> None:
    for path in ("authorities/brokers/", "authorities/clients/key/", "authorities/clients/root.key"):
        assert admin_api("GET", f"{CERTIFICATES}{path}").status_code == 404
