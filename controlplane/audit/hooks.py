"""What `audit` adds to every API operation: Idempotency-Key, and a row for each refused attempt to change something."""

from __future__ import annotations

from rest_framework.request import Request

from controlplane.audit.idempotency import IdempotencyHook
from controlplane.audit.services import record_denied
from controlplane.core.access import Action
from controlplane.core.actors import actor_of
from controlplane.core.errors import Forbidden
from controlplane.core.rest import ApiView


class AuditHook(IdempotencyHook):
    def denied(self, view: ApiView, request: Request, error: Forbidden) -> None:
        action = error.action or view.actions.get(request.method or "")
        if isinstance(action, Action):
            target = "/".join(str(value) for name, value in view.kwargs.items() if name != "cluster")
            record_denied(
                actor_of(request), action, cluster=view.cluster_name(), target=target, reason=error.what
            )
            error.recorded = True
