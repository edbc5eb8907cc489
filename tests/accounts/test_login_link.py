"""`./run link` for a name that is not there says which names are."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from controlplane.core.access import Role
from tests.web.people import person

pytestmark = pytest.mark.django_db


def test_an_unknown_name_is_told_who_there_is() -> None:
    person(Role.ADMIN)
    person(Role.VIEWER)
    with pytest.raises(CommandError, match=r"There is no user 'nobody'\. There are ada, vera\."):
        call_command("login_link", "nobody")


def test_before_anybody_is_there_it_says_so() -> None:
    with pytest.raises(CommandError, match="There is none yet"):
        call_command("login_link", "nobody")
