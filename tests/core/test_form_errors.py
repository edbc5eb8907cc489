"""All that is wrong with a form is told at once, each at its field, before anything is asked of the cluster."""

from __future__ import annotations

from typing import Any

import pytest
from django.forms import Form

from controlplane.acls.forms import AclForm, BundleForm, ExplainForm
from controlplane.certificates.forms import IssueForm, WatchForm
from controlplane.quotas.forms import EffectiveForm, QuotaForm
from controlplane.service_accounts.forms import AccountForm
from controlplane.users.forms import CreateUserForm

ACL = {
    "principal": "ann", "permission": "ALLOW", "host": "10.0.0.0/8", "resource_type": "TOPIC",
    "pattern_type": "LITERAL", "resource_name": "or/ders", "operations": ["READ"],
}  # fmt: skip
BUNDLE = {"bundle": "consumer", "principal": "ann", "host": "somewhere", "topics": "a b, ok", "group": ""}
ACCOUNT = {"name": "a:b", "credential": "SCRAM-SHA-512", "bundle": "producer", "topics": "a b", "host": "x", "producer_byte_rate": "0 B/s"}  # fmt: skip
USER = {"name": "a:b", "mechanism": "both", "iterations": "7", "password": "short"}


@pytest.mark.parametrize(
    ("form", "data", "wrong"),
    [
        (AclForm, ACL, {"principal", "host", "resource_name"}),
        (AclForm, {**ACL, "principal": ""}, {"principal", "host", "resource_name"}),
        (AclForm, {**ACL, "principal": "User:ann", "host": "*", "resource_name": "orders"}, set()),
        (BundleForm, BUNDLE, {"principal", "host", "topics", "group"}),
        (BundleForm, {**BUNDLE, "principal": "User:a", "host": "*", "topics": "a-*, *", "group": "g"}, set()),
        (AccountForm, ACCOUNT, {"name", "topics", "host", "producer_byte_rate"}),
        (AccountForm, {**ACCOUNT, "name": "a", "topics": "a", "host": "*", "producer_byte_rate": ""}, set()),
        (CreateUserForm, USER, {"name", "iterations", "password"}),
        (IssueForm, {"common_name": "a b", "days": "4000", "csr": "nonsense"}, {"common_name", "days", "csr"}),
        (QuotaForm, {"scope": "user", "user": "a\x07", "producer_byte_rate": "0", "request_percentage": "x"}, {"user", "producer_byte_rate", "request_percentage"}),
        (EffectiveForm, {"user": "User:reports"}, set()),
        (EffectiveForm, {"ip": "10.0.0.1"}, set()),
        (EffectiveForm, {"ip": "10.0.0.*"}, {"ip"}),
        (EffectiveForm, {"user": "a", "ip": "10.0.0.1"}, {"ip"}),
        (EffectiveForm, {"user": ""}, {"user"}),
        (WatchForm, {"host": "https://registry.example:8443/x", "port": "443"}, {"host"}),
        (WatchForm, {"host": "registry.example", "port": "443"}, set()),
        (WatchForm, {"host": "2001:db8::7", "port": "443"}, set()),
    ],
)  # fmt: skip
def test_every_mistake_stands_at_its_field(form: type[Form], data: dict[str, Any], wrong: set[str]) -> None:
    assert set(form(data).errors) == wrong


def test_what_is_meant_is_said() -> None:
    (said,) = WatchForm({"host": "https://registry.example:8443/x", "port": "443"}).errors["host"]
    assert said == "Only the host: registry.example. The port 8443 goes into the field beside it."
    asked = {"principal": "User:a", "operation": "READ", "resource_type": "TOPIC", "resource_name": "x"}
    (host,) = ExplainForm({**asked, "host": "10.0.0.*"}).errors["host"]
    assert "no patterns" in host
    assert EffectiveForm({"user": "User:reports"}).is_valid()


def test_a_password_that_is_gone_is_to_be_typed_again() -> None:
    assert CreateUserForm(USER).retype
    assert CreateUserForm({**USER, "password": "", "sealed": "x"}).retype
    assert not CreateUserForm({**USER, "password": ""}).retype
    assert not CreateUserForm().retype
