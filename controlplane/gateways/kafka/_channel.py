"""One operation's way to the cluster: breaker, preflight, a connection made after fork, and one deadline for all of it.

1. The breaker admits or refuses (`CircuitOpen`).
2. Without a live connection of this process: preflight names the cause of any failure, then a short bootstrap.
3. The operation's requests share what is left of its deadline.
4. A cluster that does not answer any more loses its connection; the next operation starts at 1.
Invariant: a single broker that fails does not count against the cluster.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager

from controlplane.gateways.errors import (
    CircuitOpen,
    DeadlineExceeded,
    GatewayError,
    Unreachable,
)
from controlplane.gateways.kafka._messages import Message
from controlplane.gateways.kafka._transport import AddressGuard, Transport
from controlplane.gateways.kafka.breaker import Breaker
from controlplane.gateways.kafka.faults import is_connection_fault, translate, translated
from controlplane.gateways.kafka.preflight import preflight, raise_diagnosis
from controlplane.gateways.kafka.security import KafkaConnection

BOOTSTRAP_S = 5.0
UNKNOWN_OUTCOME = "Whether it was applied is not known: look before you repeat it"


class Call:
    """One operation: its requests and what is left of its time."""

    def __init__(self, transport: Transport, expires: float, subject: str = "") -> None:
        self._transport = transport
        self._expires = expires
        self._subject = subject
        self.lost: GatewayError | None = None

    @property
    def left_s(self) -> float:
        left = self._expires - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded(
                "The cluster did not answer in time", "See whether its brokers are overloaded"
            )
        return left

    @property
    def nodes(self) -> tuple[int, ...]:
        return self._transport.nodes

    def supports(self, request: Message) -> bool:
        return self._transport.supports(request)

    def ask(self, request: Message, *, node: int | None = None) -> Message:
        """A read: any broker will do (or `node`), and a broken connection is followed by another broker."""
        return self._send(request, node, repeat=True)

    def change(self, request: Message, *, node: int | None = None) -> Message:
        """A write: sent once. When its answer is lost, the error says that the outcome is not known."""
        try:
            return self._send(request, node, repeat=False)
        except Unreachable as error:
            raise type(error)(error.what, UNKNOWN_OUTCOME) from error

    def ask_each(
        self, requests: Mapping[int, Message], *, share: float = 1.0
    ) -> dict[int, Message | GatewayError]:
        """To several brokers at once; what a broker could not say is an error in its place.

        `share` of the time that is left is what silent ones get.
        """
        if not requests:
            return {}
        with translated(self._subject):
            answers = self._transport.send_each(requests, timeout_s=self.left_s * share)
        return {node: self._or_error(node, answer) for node, answer in answers.items()}

    def _or_error(self, node: int, answer: Message | Exception) -> Message | GatewayError:
        if not isinstance(answer, Exception):
            return answer
        error = translate(answer, subject=f"broker {node}")
        if error is None:
            raise answer
        return error

    def _send(self, request: Message, node: int | None, *, repeat: bool) -> Message:
        try:
            with translated(self._subject if node is None else f"broker {node}"):
                return self._transport.send(request, node=node, timeout_s=self.left_s, repeat=repeat)
        except GatewayError as error:
            if node is None and is_connection_fault(error):
                self.lost = error
            raise


class Channel:
    def __init__(
        self,
        connection: KafkaConnection,
        timeout_s: float,
        guard: AddressGuard | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.connection = connection
        self.timeout_s = timeout_s
        self._guard = guard
        self._clock = clock
        self._breaker = Breaker()
        self._transport: Transport | None = None
        self._pid = 0
        self._opening = threading.Lock()
        self._state = threading.Lock()

    @contextmanager
    def call(self, subject: str = "", timeout_s: float | None = None) -> Generator[Call, None, None]:
        expires = time.monotonic() + (self.timeout_s if timeout_s is None else timeout_s)
        transport = self._live() or self._open(expires)
        call = Call(transport, expires, subject)
        try:
            with translated(subject):
                yield call
        finally:
            if call.lost is not None:
                self._failed(transport)
            else:
                self._succeeded()

    def close(self) -> None:
        with self._state:
            transport, self._transport = self._transport, None
            ours = self._pid == os.getpid()
        if transport is not None and ours:
            transport.close()

    def _live(self) -> Transport | None:
        """A connection inherited through fork is never used: its IO thread stayed in the parent."""
        with self._state:
            return self._transport if self._pid == os.getpid() else None

    def _open(self, expires: float) -> Transport:
        if not self._opening.acquire(timeout=max(0.0, expires - time.monotonic())):
            raise DeadlineExceeded(
                "The cluster did not answer in time", "It is being connected to; try again"
            )
        try:
            transport = self._live()
            if transport is not None:
                return transport
            self._admit()
            try:
                transport = self._connect(expires)
            except GatewayError as error:
                if is_connection_fault(error):
                    self._failed(None)
                raise
            with self._state:
                self._transport, self._pid = transport, os.getpid()
            return transport
        finally:
            self._opening.release()

    def _connect(self, expires: float) -> Transport:
        left = max(0.1, expires - time.monotonic())
        raise_diagnosis(preflight(self.connection, min(BOOTSTRAP_S, left), guard=self._guard))
        with translated():
            transport = Transport(self.connection, self._guard)
        try:
            with translated():
                transport.open(min(BOOTSTRAP_S, max(0.1, expires - time.monotonic())))
        except GatewayError:
            transport.close()
            raise
        return transport

    def _admit(self) -> None:
        with self._state:
            self._breaker, admitted = self._breaker.admit(self._clock())
            wait = self._breaker.retry_in(self._clock())
        if not admitted:
            raise CircuitOpen(
                "The cluster failed to answer several times in a row",
                f"It is asked again in {wait:.0f} s. See whether its brokers run",
            )

    def _succeeded(self) -> None:
        with self._state:
            self._breaker = self._breaker.succeeded()

    def _failed(self, transport: Transport | None) -> None:
        with self._state:
            self._breaker = self._breaker.failed(self._clock())
            dropped = transport is not None and self._transport is transport
            if dropped:
                self._transport = None
        if dropped and transport is not None:
            transport.close()
