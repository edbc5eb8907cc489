"""Idempotency-Key on POST (AP-1): one effect per key, however often the request is repeated.

1. The key is claimed by inserting its row; of requests that race, one wins.
2. The same key with another body is 422; one still in flight is 409; an answered one is answered again.
3. Answers below 500 are kept for a day, encrypted, without secrets that are shown once. A 5xx frees the key.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from controlplane.audit.models import StoredAnswer
from controlplane.core.actors import actor_of
from controlplane.core.errors import Conflict, Invalid
from controlplane.core.problem import CONTENT_TYPE
from controlplane.core.rest import ApiView
from controlplane.core.secrets import context_for, decrypt, encrypt

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
SHAPE = re.compile(r"^[!-~]{1,200}$")
KEPT = timedelta(hours=24)
#: A request that has been in flight for this long has died with its process.
LOST_AFTER = timedelta(minutes=5)
KEPT_HEADERS = ("ETag", "Location")


class InFlight(Conflict):
    code = "request_in_flight"
    title = "The first request is still running"


class KeyReused(Invalid):
    code = "idempotency_key_reused"
    title = "The key belongs to another request"


def claim(request: Request) -> tuple[StoredAnswer | None, Response | None]:
    """(claimed row, None) to go on, (None, answer) to replay, (None, None) where no key was sent."""
    key = request.headers.get(HEADER)
    if request.method != "POST" or key is None:
        return None, None
    if not SHAPE.match(key):
        raise Invalid(fields={HEADER: ["1 to 200 visible ASCII characters."]})
    scope, print_, now = scope_of(request), fingerprint(request), timezone.now()
    StoredAnswer.objects.filter(scope=scope, key=key, claimed_at__lt=now - KEPT).delete()
    row = StoredAnswer(scope=scope, key=key, fingerprint=print_, claimed_at=now)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        return _meet(StoredAnswer.objects.filter(scope=scope, key=key).first(), print_, now)
    return row, None


def _meet(
    row: StoredAnswer | None, print_: str, now: datetime
) -> tuple[StoredAnswer | None, Response | None]:
    if row is None:
        raise InFlight("The first request with this key has just ended", hint="Send it again.")
    if row.fingerprint != print_:
        raise KeyReused(
            "This Idempotency-Key was used for another request", hint="Use a new key for each new request."
        )
    if row.answered_at is not None:
        return None, replay(row)
    stale = StoredAnswer.objects.filter(pk=row.pk, answered_at=None, claimed_at=row.claimed_at)
    if row.claimed_at < now - LOST_AFTER and stale.update(claimed_at=now) == 1:
        row.claimed_at = now
        return row, None
    raise InFlight(
        "The first request with this key has not been answered yet", hint="Wait, then send it again."
    )


def keep(row: StoredAnswer, response: Response, hidden: frozenset[str]) -> None:
    if response.status_code >= 500:
        row.delete()
        return
    data = response.data
    if isinstance(data, Mapping) and hidden:
        data = {name: None if name in hidden else value for name, value in data.items()}
    body = json.dumps(data, cls=JSONEncoder)
    StoredAnswer.objects.filter(pk=row.pk).update(
        status=response.status_code,
        body=encrypt(body, context=context_of(row)),
        headers={name: response.headers[name] for name in KEPT_HEADERS if name in response.headers},
        answered_at=timezone.now(),
    )


def replay(row: StoredAnswer) -> Response:
    status = row.status or 200
    data = json.loads(decrypt(row.body, context=context_of(row)))
    response = Response(data, status=status, content_type=CONTENT_TYPE if status >= 400 else None)
    for name, value in {**row.headers, REPLAYED: "true"}.items():
        response.headers[name] = value
    return response


def scope_of(request: Request) -> str:
    """The token, else the user: names are not unique among tokens, their rows are."""
    actor = actor_of(request)
    token = getattr(request.auth, "pk", "")
    return hashlib.sha256(f"{actor.kind}:{actor.user_id}:{token}".encode()).hexdigest()


def fingerprint(request: Request) -> str:
    plain = request._request
    parts = (request.method or "", plain.get_full_path(), plain.headers.get("If-Match", ""))
    return hashlib.sha256("\n".join(parts).encode() + b"\n" + plain.body).hexdigest()


def forget_old(now: datetime) -> int:
    return StoredAnswer.objects.filter(claimed_at__lt=now - KEPT).delete()[0]


def context_of(row: StoredAnswer) -> str:
    return context_for("audit_storedanswer", row.pk, "body")


class IdempotencyHook:
    """Hooked into `core.rest.ApiView` by the app's ready()."""

    def before(self, view: ApiView, request: Request) -> Response | None:
        row, answer = claim(request)
        request._request.idempotency_claim = row  # type: ignore[attr-defined]
        return answer

    def after(self, view: ApiView, request: Request, response: Response) -> None:
        row: StoredAnswer | None = getattr(request._request, "idempotency_claim", None)
        if row is not None:
            keep(row, response, view.shown_once)
