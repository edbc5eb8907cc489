"""What `./run up` needs of the database, in one process: tables, the bundled clusters' rows, a way in.

Prints one JSON object on its last line; `login_url` is there while nobody has set a password yet.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from controlplane.accounts.services import first_login_link
from controlplane.clusters.services import register_bundled

#: Static files of libraries that no page of ours uses.
UNUSED_STATIC = ["django_htmx", "rest_framework"]


class Command(BaseCommand):
    help = "Migrates the database, registers the bundled clusters, prints a login link while it is needed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--base-url", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        if pending_migrations():
            call_command("migrate", verbosity=0, interactive=False)
        call_command("createcachetable", verbosity=0)
        collect_static()
        clusters = register_bundled()
        answer: dict[str, object] = {"clusters": [cluster.name for cluster in clusters]}
        link = first_login_link()
        if link:
            answer["login_url"] = options["base_url"].rstrip("/") + link
        self.stdout.write(json.dumps(answer))


def collect_static() -> None:
    """Hashed and compressed copies, made anew when a source file is newer than the last ones.

    Older copies stay: a web server that still runs the last version goes on serving them.
    """
    sources = [path for root in settings.STATICFILES_DIRS for path in Path(root).rglob("*") if path.is_file()]
    manifest = Path(settings.STATIC_ROOT) / "staticfiles.json"
    newest = max((path.stat().st_mtime for path in sources), default=0.0)
    if not manifest.exists() or manifest.stat().st_mtime < newest:
        call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=UNUSED_STATIC)


def pending_migrations() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
