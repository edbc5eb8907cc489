"""What `audit` adds to every API operation: Idempotency-Key, and a row for each refused attempt to change something."""

from __future__ import annotations

from rest_framework.request import Request

from controlplane.audit.idempotency import IdempotencyHook
from controlplane.audit.services import record_refused
from controlplane.core.actors import actor_of
from controlplane.core.errors import AppError
from controlplane.core.rest import ApiView


class AuditHook(IdempotencyHook):
    def denied(self, view: ApiView, request: Request, error: AppError) -> None:
        record_refused(
            actor_of(request), error, action=view.actions.get(request.method or ""), arguments=view.kwargs
        )
