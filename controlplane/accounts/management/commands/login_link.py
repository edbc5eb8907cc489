"""Prints a one-time login link, for a first start, an invitation or a lost password. JSON with --json."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from controlplane.accounts import services
from controlplane.accounts.models import User

SHOWN = 20


class Command(BaseCommand):
    help = "Print a one-time login link for a user; the first admin unless told."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", nargs="?")
        parser.add_argument("--base-url")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["username"]
        user = User.objects.filter(username=name).first() if name else services.first_admin()
        if user is None:
            raise CommandError(f"There is no user {name!r}. {_known()}")
        link = services.create_login_link(user, base_url=options["base_url"])
        self.stdout.write(
            json.dumps({"username": user.username, "login_url": link}) if options["json"] else link
        )


def _known() -> str:
    names = list(User.objects.filter(is_active=True).order_by("username").values_list("username", flat=True))
    if not names:
        return "There is none yet: without a name, a link for the first admin is made."
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"There {'is' if len(names) == 1 else 'are'} {', '.join(names[:SHOWN])}{more}."
