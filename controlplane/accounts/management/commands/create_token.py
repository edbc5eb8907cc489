"""Makes an API token for a user and prints it, alone, on standard output."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from controlplane.accounts import services
from controlplane.accounts.models import User
from controlplane.audit.services import operation
from controlplane.core.access import SYSTEM, Action, Role
from controlplane.core.errors import AppError


class Command(BaseCommand):
    help = "Print a new API token. It is shown once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--role", choices=[role.value for role in Role], default=Role.VIEWER.value)
        parser.add_argument("--name", default="cli")
        parser.add_argument("--user", help="The owner; the first admin unless told.")
        parser.add_argument("--days", type=int, default=90)

    def handle(self, *args: Any, **options: Any) -> None:
        owner = self.owner(options["user"])
        try:
            with operation(
                SYSTEM, Action.TOKEN_MANAGE_OWN, target=f"{owner.username}/{options['name']}", atomic=True
            ):
                _, text = services.create_token(
                    user=owner, name=options["name"], role=Role(options["role"]), days=options["days"]
                )
        except AppError as error:
            raise CommandError(error.what) from error
        self.stdout.write(text)

    def owner(self, name: str | None) -> User:
        if name is None:
            return services.first_admin()
        found = User.objects.filter(username=name).first()
        if found is None:
            raise CommandError(f"There is no user {name!r}")
        return found
