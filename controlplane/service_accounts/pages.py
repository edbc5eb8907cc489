"""What the templates of service accounts are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from django.forms import BoundField

from controlplane.acls.forms import shown_for
from controlplane.acls.logic.bundles import KINDS
from controlplane.certificates.models import Certificate
from controlplane.clusters.logic.credentials import Accepted
from controlplane.clusters.models import Cluster
from controlplane.core.pages import Page
from controlplane.core.tables import Table
from controlplane.gateways.errors import GatewayError
from controlplane.service_accounts.forms import LIMITS, AccountForm, RemoveForm
from controlplane.service_accounts.logic.compose import AccountFacts
from controlplane.service_accounts.services import CERTIFICATE
from controlplane.users.services import Issued

#: Fields of a bundle; which of them count depends on the bundle.
OPTIONAL = ("topics", "outputs", "group", "transactional_id", "create_topics")


@dataclass(frozen=True)
class AccountListPage(Page):
    """`error`: the cluster did not answer, so there is no list."""

    template: ClassVar[str] = "service_accounts/list.html"
    partials: ClassVar[frozenset[str]] = frozenset({"account-table"})

    cluster: Cluster
    table: Table[AccountFacts]
    can_edit: bool
    error: GatewayError | None = None


@dataclass(frozen=True)
class AccountPage(Page):
    template: ClassVar[str] = "service_accounts/detail.html"

    cluster: Cluster
    account: AccountFacts
    certificates: tuple[Certificate, ...]
    accepted: Accepted
    can_edit: bool
    can_block: bool


@dataclass(frozen=True)
class RemoveAccountPage(Page):
    template: ClassVar[str] = "service_accounts/remove.html"

    cluster: Cluster
    account: AccountFacts
    accepted: Accepted
    form: RemoveForm


@dataclass(frozen=True)
class CreateAccountPage(Page):
    template: ClassVar[str] = "service_accounts/create.html"

    cluster: Cluster
    form: AccountForm

    @property
    def chosen(self) -> str:
        return str(self.form["bundle"].value() or "")

    @property
    def certificate(self) -> bool:
        return str(self.form["credential"].value()) == CERTIFICATE

    @property
    def rights(self) -> tuple[tuple[BoundField, str, bool], ...]:
        """Field, the bundles it counts for, whether it counts for the chosen one."""
        return tuple((self.form[n], shown_for(n), self.chosen in shown_for(n).split()) for n in OPTIONAL)

    @property
    def texts(self) -> tuple[tuple[str, str, bool], ...]:
        return tuple((kind.value, KINDS[kind].text, kind.value == self.chosen) for kind in KINDS)

    @property
    def limits(self) -> tuple[BoundField, ...]:
        return tuple(self.form[name] for name in LIMITS)


@dataclass(frozen=True)
class MadePage(Page):
    """The answer of Apply for a password: shown once and stored nowhere."""

    template: ClassVar[str] = "users/credentials.html"

    cluster: Cluster
    issued: Issued
    files: tuple[tuple[str, str], ...]
    snippets: tuple[tuple[str, str], ...]
    acls: int | None = 0
    can_give: bool = False
    account: str = ""
    made: str = ""

    @property
    def principal(self) -> str:
        return f"User:{self.issued.name}"
