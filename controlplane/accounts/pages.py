"""What the account, token and user templates are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from controlplane.accounts.forms import SetPasswordForm
from controlplane.core.pages import Page


@dataclass(frozen=True)
class LinkPage(Page):
    """A login link that does not work any more."""

    template: ClassVar[str] = "accounts/link_used.html"


@dataclass(frozen=True)
class SetPasswordPage(Page):
    template: ClassVar[str] = "accounts/set_password.html"

    form: SetPasswordForm
    first: bool
