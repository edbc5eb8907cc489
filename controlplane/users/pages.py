"""What each template of the SCRAM users is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from controlplane.clusters.models import Cluster
from controlplane.core.pages import Page
from controlplane.core.tables import Table
from controlplane.gateways.errors import GatewayError
from controlplane.users.forms import CreateUserForm, CredentialsForm, DeleteUserForm
from controlplane.users.logic.state import UserState
from controlplane.users.selectors import UserRow
from controlplane.users.services import Issued


@dataclass(frozen=True)
class UserListPage(Page):
    """`error`: the cluster did not answer; then there is no list rather than an empty one."""

    template: ClassVar[str] = "users/list.html"
    partials: ClassVar[frozenset[str]] = frozenset({"user-table"})

    cluster: Cluster
    table: Table[UserRow]
    error: GatewayError | None
    can_edit: bool


@dataclass(frozen=True)
class BoundAcl:
    permission: str
    operation: str
    resource: str
    host: str


@dataclass(frozen=True)
class UserPage(Page):
    template: ClassVar[str] = "users/detail.html"

    cluster: Cluster
    kafka_user: UserState
    acls: tuple[BoundAcl, ...]
    quotas: tuple[tuple[str, str], ...]
    can_edit: bool
    can_block: bool

    @property
    def seen_seconds(self) -> float | None:
        return None if self.kafka_user.seen_ms is None else self.kafka_user.seen_ms / 1000


@dataclass(frozen=True)
class CreateUserPage(Page):
    template: ClassVar[str] = "users/create.html"

    cluster: Cluster
    form: CreateUserForm


@dataclass(frozen=True)
class RotateUserPage(Page):
    template: ClassVar[str] = "users/rotate.html"

    cluster: Cluster
    kafka_user: UserState
    form: CredentialsForm


@dataclass(frozen=True)
class DeleteUserPage(Page):
    template: ClassVar[str] = "users/delete.html"

    cluster: Cluster
    kafka_user: UserState
    form: DeleteUserForm


@dataclass(frozen=True)
class CredentialsPage(Page):
    """Shown once, as the answer of Apply: the password and everything that contains it."""

    template: ClassVar[str] = "users/credentials.html"

    cluster: Cluster
    issued: Issued = field(repr=False)
    files: tuple[tuple[str, str], ...] = field(repr=False)
    snippets: tuple[tuple[str, str], ...]
    acls: int | None = 0
    #: As in `service_accounts.pages.MadePage`, which shares the template.
    account: str = ""
    made: str = ""
    can_give: bool = False

    @property
    def principal(self) -> str:
        return f"User:{self.issued.name}"
