"""What the account, token and user templates are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from controlplane.accounts.forms import GrantForm, InviteForm, PreferencesForm, SetPasswordForm, TokenForm
from controlplane.accounts.models import ApiToken, RoleGrant, User
from controlplane.core.errors import AppError
from controlplane.core.pages import Page
from controlplane.core.tables import Table


@dataclass(frozen=True)
class LinkPage(Page):
    """A login link that does not work any more."""

    template: ClassVar[str] = "accounts/link_used.html"


@dataclass(frozen=True)
class SetPasswordPage(Page):
    template: ClassVar[str] = "accounts/set_password.html"

    form: SetPasswordForm
    first: bool


@dataclass(frozen=True)
class SettingsPage(Page):
    """What the tabs of the settings need."""

    manages_users: bool


@dataclass(frozen=True)
class AccountPage(SettingsPage):
    template: ClassVar[str] = "accounts/account.html"

    form: PreferencesForm
    grants: tuple[RoleGrant, ...]


@dataclass(frozen=True)
class SecurityPage(SettingsPage):
    """`sessions` are allauth's UserSession rows, the current one marked."""

    template: ClassVar[str] = "accounts/security.html"

    sessions: tuple[tuple[Any, bool], ...]
    totp: bool
    passkeys: int
    recovery_codes_left: int | None


@dataclass(frozen=True)
class TokensPage(SettingsPage):
    """`fresh` is the text of a token that was made just now: the only time it is shown."""

    template: ClassVar[str] = "accounts/tokens.html"

    tokens: tuple[ApiToken, ...]
    form: TokenForm
    fresh: str = ""


@dataclass(frozen=True)
class UsersPage(SettingsPage):
    template: ClassVar[str] = "accounts/users.html"
    partials: ClassVar[frozenset[str]] = frozenset({"user-table"})

    table: Table[User]
    form: InviteForm
    invited: str = ""
    link: str = ""


@dataclass(frozen=True)
class UserPage(SettingsPage):
    template: ClassVar[str] = "accounts/user.html"

    person: User
    grants: tuple[RoleGrant, ...]
    form: GrantForm
    link: str = ""
    error: AppError | None = None
