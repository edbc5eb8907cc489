"""Makes the first admin if there is none; prints JSON with a login link while nobody has set a password."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from controlplane.accounts import services


class Command(BaseCommand):
    help = "Make the first admin and print a one-time login link as JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--base-url", default=settings.BASE_URL)

    def handle(self, *args: Any, **options: Any) -> None:
        admin = services.first_admin()
        path = services.first_login_link()
        link = f"{options['base_url'].rstrip('/')}{path}" if path else None
        self.stdout.write(json.dumps({"username": admin.username, "login_url": link}))
