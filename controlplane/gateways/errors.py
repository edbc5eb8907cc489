"""The one tree of errors that leaves `gateways`: what happened, what to do about it, and whether trying again helps.

GatewayError
  Unreachable             nothing answered: refused, no such host, connection lost
    DeadlineExceeded      it may answer yet, but not within the time we give it
    CircuitOpen           it failed repeatedly a moment ago; not asked again yet
  AuthenticationFailed    it answered and does not accept who we are (password, certificate, protocol)
  NotAuthorized           it knows us and we may not
  NotFound                the named object does not exist
  AlreadyExists           the named object exists already
  InvalidRequest          it understood the request and refuses its content
    RecordTooLarge        one record is larger than the topic or the broker takes
    RefusedHere           this machine's own side refused it; no cluster was asked
  Conflict                the state of the object forbids it now (group in use, move in progress, stale epoch)
  Unsupported             this version of the other side cannot do it
    NotBundled            only a cluster whose processes are ours has it
  NotEnoughReplicas       too few in-sync replicas to accept a write safely
  TargetRefused           our own policy forbids to connect there; nothing was sent
  BadAnswer               it answered with something we cannot make sense of
"""

from __future__ import annotations

from typing import ClassVar


class GatewayError(Exception):
    """`what` says what happened, `hint` what to do; both are whole sentences without the final stop being required."""

    code: ClassVar[str] = "gateway_error"
    retriable: ClassVar[bool] = False
    kafka_code: int | None = None  # of the protocol, where Kafka gave one

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what, hint)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what}. {self.hint}" if self.hint else self.what


class Unreachable(GatewayError):
    code = "unreachable"
    retriable = True


class DeadlineExceeded(Unreachable):
    code = "deadline_exceeded"


class CircuitOpen(Unreachable):
    code = "circuit_open"


class AuthenticationFailed(GatewayError):
    code = "authentication_failed"


class NotAuthorized(GatewayError):
    code = "not_authorized"


class NotFound(GatewayError):
    code = "not_found"


class AlreadyExists(GatewayError):
    code = "already_exists"


class InvalidRequest(GatewayError):
    code = "invalid_request"


class RecordTooLarge(InvalidRequest):
    code = "record_too_large"


class RefusedHere(InvalidRequest):
    """Its code is that of what it is one of: who asks need not care."""


class Conflict(GatewayError):
    code = "conflict"
    retriable = True


class Unsupported(GatewayError):
    code = "unsupported"


class NotBundled(Unsupported):
    code = "not_bundled"


class NotEnoughReplicas(GatewayError):
    code = "not_enough_replicas"
    retriable = True


class TargetRefused(GatewayError):
    code = "target_refused"


class BadAnswer(GatewayError):
    code = "bad_answer"
