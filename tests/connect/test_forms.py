"""The form of a connector: one content in two shapes, secrets typed once, errors at their fields; on a real worker."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django import forms
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from broker.connect_spec import ConnectSpec
from controlplane.clusters.models import Cluster
from controlplane.connect.selectors import connect_of
from controlplane.connect.setting_forms import DefinitionForm, JsonForm, Origin, pairs_of
from controlplane.core.access import Role
from controlplane.gateways import workers
from controlplane.gateways.connect import Setting, Validation
from tests.conftest import Api
from tests.web.people import signed_in

PAGES = "/clusters/main/connect/bundled/"
CANARY = "c4n4ry-form-1b2c"
SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector"
TEXT = "org.apache.kafka.connect.storage.StringConverter"


def setting(name: str, **about: Any) -> Setting:
    plain: dict[str, Any] = {
        "type": "STRING", "required": False, "default": None, "importance": "LOW", "documentation": "", "group": "",
        "order": 0, "title": name, "value": None, "recommended": (), "errors": (), "visible": True,
    }  # fmt: skip
    return Setting(name=name, **{**plain, **about})


FOUND = Validation(
    "x.Source",
    ("Common",),
    (
        setting("tasks.max", type="INT", default="1", group="Common"),
        setting("topic", required=True),
        setting("pin", type="PASSWORD"),
        setting("mode", recommended=("bulk", "incrementing")),
        setting("hidden.one", visible=False),
        setting("strict", type="BOOLEAN", default="false", group="Common"),
    ),
)
ORIGIN = Origin("main/bundled")
names = st.text("abcdefghij.-", min_size=1, max_size=12)
values = st.text("abc =#\\é", min_size=1, max_size=12).map(str.strip).filter(bool) | st.sampled_from(
    ["a\nb", "back\\slash", "\\n", "a=b", "#c"]
)


@given(st.dictionaries(names, values, max_size=6))
def test_other_settings_survive_as_lines(config: dict[str, str]) -> None:
    form = DefinitionForm(None, ORIGIN, {}, FOUND)
    rest = {k: v for k, v in config.items() if k not in form.settings and k not in ("name",)}
    assert pairs_of(form.fields_of(rest)["extra"]) == rest


@pytest.mark.parametrize("text", ["novalue", "=x", "a=b\nsecond"])
def test_a_line_that_is_no_setting_is_refused(text: str) -> None:
    with pytest.raises(forms.ValidationError, match="Line"):
        pairs_of(text)


def test_what_has_to_be_given_comes_first_and_each_has_its_widget() -> None:
    form = DefinitionForm(None, ORIGIN, {}, FOUND)
    groups = [(title, [each.name for each, _ in fields]) for title, fields, _ in form.groups()]
    assert groups == [
        ("Required", ["topic"]),
        ("Of the plugin", ["pin", "mode"]),
        ("Common", ["tasks.max", "strict"]),
    ]
    kinds = {name: type(form.fields[f"s-{name}"].widget).__name__ for name in form.settings}
    assert (kinds["pin"], kinds["mode"], kinds["strict"]) == ("SecretInput", "Select", "Select")
    assert form.fields["s-tasks.max"].widget.attrs == {
        "spellcheck": "false", "autocomplete": "off", "placeholder": "1", "inputmode": "numeric",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("plugin", "files", "told"),
    [
        ("org.apache.kafka.connect.file.FileStreamSourceConnector", "/data/files", True),
        ("org.apache.kafka.connect.file.FileStreamSourceConnector", "", False),
        ("x.Source", "/data/files", False),
    ],
)
def test_a_file_connector_is_told_where_its_file_lies(plugin: str, files: str, told: bool) -> None:
    found = Validation(plugin, (), (setting("file", documentation="Or the standard input."),))
    form = DefinitionForm(None, Origin("main/bundled", files=files), {}, found)
    text = form.fields["s-file"].help_text
    assert ("/data/files" in text) is told
    assert ("standard input" in text) is not told
    (needed,) = (fields for title, fields, _ in form.groups() if title == "Required")
    assert [each.name for each, _ in needed] == (["file"] if told else [])


@pytest.mark.django_db
def test_both_shapes_hold_the_same_and_never_a_secret() -> None:
    sent = {
        "name": "a", "s-topic": "t", "s-pin": CANARY, "s-mode": "bulk", "s-tasks.max": "", "extra": "transforms=x\ndb.password=" + CANARY,
    }  # fmt: skip
    form = DefinitionForm(sent, ORIGIN, {}, FOUND)
    assert form.is_valid(), form.errors
    config = form.to_request().config
    assert config == {
        "connector.class": "x.Source", "topic": "t", "pin": CANARY, "mode": "bulk", "transforms": "x", "db.password": CANARY,
    }  # fmt: skip
    form.keep_secrets()
    assert CANARY not in form.as_p()
    assert form.to_request().config == config
    carried = dict(form.carried())
    assert CANARY not in str(carried)
    again = DefinitionForm(carried, ORIGIN, {}, FOUND)
    assert again.is_valid()
    assert again.to_request().config == config
    elsewhere = DefinitionForm(carried, Origin("main/other"), {}, FOUND)
    assert CANARY not in str(elsewhere.meant())
    as_json = JsonForm(carried, ORIGIN, {})
    assert as_json.is_valid()
    assert as_json.to_request().config == config


# --- On a real worker -------------------------------------------------------------------------------------------------
@pytest.fixture
def browser(cluster: Cluster, connect_worker: ConnectSpec, db: None) -> Client:
    return signed_in(Role.ADMIN)


def sent_by(page: str) -> dict[str, str]:
    """What a browser would send of the page's form as it is."""
    found = dict(re.findall(r'<input type="(?:text|hidden|password)" name="([^"]+)" value="([^"]*)"', page))
    found |= dict(re.findall(r'<textarea name="([^"]+)"[^>]*>\s*([^<]*)</textarea>', page))
    for name, inner in re.findall(r'<select name="([^"]+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', inner)
        found[name] = chosen[1] if chosen else ""
    return {
        name: value.replace("&quot;", '"') for name, value in found.items() if name != "csrfmiddlewaretoken"
    }


@pytest.mark.django_db(transaction=True)
def test_from_the_plugin_by_the_form_to_the_connector_its_change_and_its_clone(
    browser: Client, cluster: Cluster, prefix: str, api: Callable[[Role], Api]
) -> None:
    new = f"{PAGES}+new/"
    assert f"?plugin={SOURCE}" in browser.get(new).content.decode()
    url = f"{new}?plugin={SOURCE}"
    page = browser.get(url).content.decode()
    for words in ("The topic to publish data to", "Error Handling", "Transforms", "default: "):
        assert words.lower() in page.lower(), words
    sent = sent_by(page)
    assert sent["shape"] == "form"
    refused = browser.post(url, {**sent, "name": prefix, "s-file": "in.txt", "s-tasks.max": "many"})
    assert refused.status_code == 422
    fields = refused.context["form"].errors
    assert {"s-topic", "s-tasks.max"} <= set(fields), fields
    right = {
        **sent,
        "name": prefix,
        "s-file": f"{prefix}.txt",
        "s-topic": prefix,
        "s-value.converter": TEXT,
        "extra": f"my.password={CANARY}",
        "initial_state": "STOPPED",
    }
    as_json = browser.post(url, {**right, "to": "json"}).content.decode()
    assert CANARY not in as_json
    shown = json.loads(sent_by(as_json)["config"])
    assert (shown["topic"], shown["my.password"], shown["value.converter"]) == (prefix, "[hidden]", TEXT)
    back = browser.post(url, {**sent_by(as_json), "to": "form"}).content.decode()
    assert sent_by(back)["s-topic"] == prefix
    broken = browser.post(url, {**sent_by(as_json), "config": "{", "to": "form"})
    assert (broken.status_code, "no JSON" in broken.content.decode()) == (422, True)

    review = browser.post(url, sent_by(back))
    assert review.status_code == 200, review.content
    assert CANARY not in review.content.decode()
    carried = dict(review.context["fields"])
    edited = browser.post(url, {**carried, "edit": "1"}).content.decode()
    assert sent_by(edited)["s-topic"] == prefix
    made = browser.post(url, {**carried, "digest": review.context["plan"].digest})
    assert made.status_code == 303, made.content
    stored = connect_of(cluster, "bundled").api.config(prefix)
    assert stored["topic"] == prefix
    assert connect_of(cluster, "bundled").api.reads(stored["my.password"]) == CANARY

    edit = f"{PAGES}{prefix}/+edit/"
    page = browser.get(edit).content.decode()
    assert CANARY not in page
    review = browser.post(edit, {**sent_by(page), "s-topic": f"{prefix}-2"})
    changes = [change.field for change in review.context["plan"].steps[0].changes]
    assert changes == ["topic"]

    clone = f"{new}?clone={prefix}"
    page = browser.get(clone).content.decode()
    refused = browser.post(clone, {**sent_by(page), "name": f"{prefix}-b"})
    assert refused.status_code == 422
    assert "holds the mask" in refused.content.decode()
    review = browser.post(
        clone,
        {**sent_by(page), "name": f"{prefix}-b", "extra": "my.password=another", "initial_state": "STOPPED"},
    )
    made = browser.post(clone, {**dict(review.context["fields"]), "digest": review.context["plan"].digest})
    assert made.status_code == 303
    rest = connect_of(cluster, "bundled").api
    assert rest.reads(rest.config(f"{prefix}-b")["my.password"]) == "another"
    for name in (prefix, f"{prefix}-b"):
        rest.delete(name)


@pytest.mark.django_db(transaction=True)
def test_a_plugin_tells_its_settings(
    api: Callable[[Role], Api], cluster: Cluster, connect_worker: ConnectSpec
) -> None:
    assert workers.worker_of("main") is not None
    found = api(Role.VIEWER)("GET", f"clusters/main/connect/bundled/plugins/{SOURCE}/").json()
    by_name = {each["name"]: each for each in found["settings"]}
    assert by_name["topic"]["required"]
    assert by_name["tasks.max"]["default"] == "1"
    page = signed_in(Role.OPERATOR).get(f"{PAGES}+new/?plugin=no.such.Plugin")
    assert page.status_code == 404
    assert "has no plugin no.such.Plugin" in page.content.decode()
