"""Walks the audit's hash chain and compares it with the signed head outside the database."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from controlplane.audit.services import verify_chain


class Command(BaseCommand):
    help = "Verify the audit. Exit code 1 and the findings when it is not intact."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        found = verify_chain()
        seconds = time.monotonic() - started
        findings = [{"kind": f.kind.value, "seq": f.seq, "sentence": f.sentence} for f in found.findings]
        if options["json"]:
            answer = {
                "intact": found.intact,
                "rows": found.rows,
                "head": found.head.hash,
                "findings": findings,
            }
            self.stdout.write(json.dumps(answer))
        elif found.intact:
            self.stdout.write(f"{found.rows:,} operations, all intact ({seconds:.1f} s)")
        if not found.intact:
            raise CommandError("\n".join(f.sentence for f in found.findings[:20]))
