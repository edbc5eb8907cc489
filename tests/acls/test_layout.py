"""Where things stand on the pages of security: fields side by side in one line, values of a card at its right edge."""

from __future__ import annotations

import pytest

from controlplane.accounts.models import User
from controlplane.clusters.models import Cluster
from tests.browsing import Open

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_field_that_appears_stands_in_line_and_what_is_needed_is_not_optional(
    open_page: Open, cluster: Cluster, admin: User
) -> None:
    seen = open_page(admin, width=1280)
    page = seen.open("/clusters/main/service-accounts/+new/")
    page.locator("#id_bundle").select_option("consumer")
    page.locator("#id_credential").select_option("certificate")
    tops = [page.locator(f"#id_{name}").evaluate("e => e.getBoundingClientRect().top") for name in ("credential", "days")]  # fmt: skip
    assert abs(tops[0] - tops[1]) < 2
    for name in ("topics", "group"):
        assert not page.locator(f"label[for=id_{name}] span").is_visible()
    seen.assert_quiet()


def test_the_values_of_a_card_end_at_its_right_edge(open_page: Open, cluster: Cluster, admin: User) -> None:
    seen = open_page(admin, width=375)
    page = seen.open("/clusters/main/certificates/expiry/")
    ragged = page.evaluate(
        "[...document.querySelectorAll('.alone')].filter(td => td.getBoundingClientRect().right"
        " < td.closest('tr').getBoundingClientRect().right - 20).length"
    )
    assert page.locator(".alone").count() > 0
    assert ragged == 0
    seen.assert_quiet()
