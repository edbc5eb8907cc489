"""The wire under administration: everything that touches kafka-python's inner parts is in this file.

One connection manager with its IO thread per cluster. A request goes to a named node or to any; every wait has an
end; a guard decides about each address before a socket is opened, since brokers advertise what they like.
"""

# pyright: basic
from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from kafka import errors as kp
from kafka.net.inet import create_connection
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector
from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport

from controlplane.gateways.kafka import _messages as m
from controlplane.gateways.kafka._messages import Message
from controlplane.gateways.kafka.security import KafkaConnection, kafka_python_settings

T = TypeVar("T")
NodeId = int | str
# Given host and port as advertised, the addresses that may be connected to; raises to refuse.
AddressGuard = Callable[[str, int], tuple[str, ...]]

# One broker that hangs must not use up the time in which another would answer.
ATTEMPT_S = 3.0
SUSPECT_FOR_S = 15.0
SUSPECT_S = 1.0
GRACE_S = 0.5  # what a wait gets beyond the deadline that the IO thread itself enforces
TUNING = {
    "reconnect_backoff_ms": 50,
    "reconnect_backoff_max_ms": 1000,
    "receive_message_max_bytes": 100_000_000,
    "metadata_max_age_ms": 60_000,
    "max_in_flight_requests_per_connection": 20,
}


class GuardedManager(KafkaConnectionManager):  # type: ignore[misc]  # the library is untyped
    """Connects only to addresses that the guard returned, by number; TLS still checks the advertised name."""

    guard: AddressGuard | None = None

    async def _build_transport(self, node: Any, timeout_at: float | None = None) -> Any:
        if self.guard is None:
            return await super()._build_transport(node, timeout_at=timeout_at)
        sock = await self._first_that_connects(self.guard(node.host, node.port), node.port, timeout_at)
        ssl_context = self.config["ssl_context"]
        if ssl_context is None:
            return KafkaTCPTransport(self._net, sock, host=node.host)
        transport = KafkaSSLTransport(self._net, sock, host=node.host, ssl_context=ssl_context)
        await transport.handshake()
        return transport

    async def _first_that_connects(
        self, addresses: tuple[str, ...], port: int, timeout_at: float | None
    ) -> Any:
        failure: Exception = kp.KafkaConnectionError("no address")
        for address in addresses:
            try:
                return await create_connection(
                    self._net, address, port, self.config["socket_options"], timeout_at=timeout_at
                )
            except kp.KafkaError as error:
                failure = error
        raise failure


@dataclass(slots=True)
class _Outcome:
    value: Any = None
    error: BaseException | None = None


class Transport:
    """Thread-safe: callers block on an event while the IO thread works."""

    def __init__(self, connection: KafkaConnection, guard: AddressGuard | None = None) -> None:
        settings = kafka_python_settings(connection) | TUNING
        self._net: Any = NetworkSelector(client_id=connection.client_id)
        self._manager: Any = GuardedManager(self._net, **settings)
        self._manager.guard = guard
        # Brokers that were silent a moment ago, and until when they get little time. Touched by the IO thread only.
        self._suspects: dict[NodeId, float] = {}

    def open(self, timeout_s: float) -> None:
        """Learns the brokers from whichever bootstrap address answers first."""
        self._net.start()
        timeout_ms = timeout_s * 1000
        self._run(lambda: self._manager.bootstrap_async(timeout_ms), timeout_s)

    def close(self) -> None:
        self._manager.close()
        self._net.stop(timeout_ms=2000)
        self._net.close()

    @property
    def nodes(self) -> tuple[int, ...]:
        return tuple(sorted(broker.node_id for broker in self._manager.cluster.brokers()))

    def send(self, request: Message, *, node: NodeId | None, timeout_s: float, repeat: bool) -> Message:
        """`repeat`: may be asked again of another broker when the connection breaks after sending."""
        timeout_at = time.monotonic() + timeout_s
        return self._run(lambda: self._ask(request, node, timeout_at, repeat), timeout_s)

    def send_each(
        self, requests: Mapping[int, Message], *, timeout_s: float
    ) -> dict[int, Message | Exception]:
        """To several nodes at once; a node's failure is its value, the others are not held up by it."""
        timeout_at = time.monotonic() + timeout_s

        async def gather() -> dict[int, Any]:
            futures = {
                node: self._net.call_soon_with_future(
                    self._captured, self._ask(request, node, timeout_at, True)
                )
                for node, request in requests.items()
            }
            return {node: await future for node, future in futures.items()}

        answers: dict[int, Message | Exception] = self._run(gather, timeout_s)
        return answers

    def supports(self, request: Message) -> bool:
        """Whether the cluster has a version of the request that we speak."""
        versions = self._manager.broker_version_data
        if versions is None:
            return False
        try:
            versions.api_version(request)
        except kp.IncompatibleBrokerVersion:
            return False
        return True

    async def _captured(self, asked: Awaitable[Any]) -> Any:
        try:
            return await asked
        except Exception as error:  # noqa: BLE001 (a value here: each node's failure is translated by the caller)
            return error

    async def _ask(self, request: Message, node: NodeId | None, timeout_at: float, repeat: bool) -> Message:
        if node is None:
            return await self._ask_any(request, timeout_at, repeat)
        await self._know(node, timeout_at)
        if self._suspects.get(node, 0) > time.monotonic():
            timeout_at = min(timeout_at, time.monotonic() + SUSPECT_S)
        connection = await self._connect(node, timeout_at)
        return await self._request(connection, node, request, timeout_at)

    async def _ask_any(self, request: Message, timeout_at: float, repeat: bool) -> Message:
        failure: Exception = kp.NodeNotReadyError("no broker is known")
        for candidate in self._candidates():
            if _left_ms(timeout_at) <= 0:
                break
            attempt_at = min(timeout_at, time.monotonic() + ATTEMPT_S)
            try:
                connection = await self._connect(candidate, attempt_at)
            except (kp.SaslAuthenticationFailedError, kp.AuthorizationError):
                raise
            except kp.KafkaError as error:
                failure = error
                continue
            try:
                return await self._request(
                    connection, candidate, request, attempt_at if repeat else timeout_at
                )
            except (kp.KafkaConnectionError, kp.Cancelled, kp.RequestTimedOutError) as error:
                if not repeat:
                    raise
                failure = error
        raise failure

    async def _request(self, connection: Any, node: NodeId, request: Message, timeout_at: float) -> Message:
        try:
            answer = await connection.send_request(request, request_timeout_ms=_left_ms(timeout_at))
        except kp.RequestTimedOutError:
            self._suspects[node] = time.monotonic() + SUSPECT_FOR_S
            raise
        self._suspects.pop(node, None)
        return answer

    def _candidates(self) -> Iterable[NodeId]:
        """Connected brokers first, then the others, last the bootstrap addresses (all brokers may have moved)."""
        preferred = self._manager.least_loaded_node()
        known = [broker.node_id for broker in self._manager.cluster.brokers()]
        fallback = [broker.node_id for broker in self._manager.cluster.bootstrap_brokers()]
        now = time.monotonic()
        ranked = sorted(known, key=lambda node: (self._suspects.get(node, 0) > now, node != preferred))
        return [*ranked, *fallback]

    async def _connect(self, node: NodeId, timeout_at: float) -> Any:
        connection = self._manager.get_connection(node, timeout_ms=_left_ms(timeout_at))
        try:
            await self._manager.wait_for(connection.init_future, _left_ms(timeout_at))
        except kp.KafkaTimeoutError:
            self._suspects[node] = time.monotonic() + SUSPECT_FOR_S
            self._manager.cluster.request_update()  # it may be out of the cluster by now
            raise
        return connection

    async def _know(self, node: NodeId, timeout_at: float) -> None:
        """A broker that joined after the last refresh is looked up once; one that is down is told from none."""
        cluster = self._manager.cluster
        if cluster.broker_metadata(node) is None:
            await cluster.refresh_metadata()
        if cluster.broker_metadata(node) is None and self.supports(m.DescribeCluster):
            answer = await self._ask_any(m.DescribeCluster(include_fenced_brokers=True), timeout_at, True)
            if any(broker.broker_id == node for broker in answer.brokers):
                raise kp.NodeNotReadyError(
                    "it is registered, but fenced: the controller does not hear from it"
                )

    def _run(self, work: Callable[[], Any], timeout_s: float) -> Any:
        done = threading.Event()
        outcome = _Outcome()

        async def waiter() -> None:
            try:
                outcome.value = await self._net._invoke(work)
            except BaseException as error:  # noqa: BLE001 (handed to the waiting thread, which raises it)
                outcome.error = error
            finally:
                done.set()

        try:
            self._net.call_soon_threadsafe(waiter)
        except Exception as error:  # the loop has ended, with whatever ended it
            raise kp.KafkaConnectionError("the client's IO loop has ended") from error
        if not done.wait(max(timeout_s, 0) + GRACE_S):
            raise kp.KafkaTimeoutError("")
        if outcome.error is not None:
            raise outcome.error
        return outcome.value


def _left_ms(timeout_at: float) -> float:
    return max(0.0, (timeout_at - time.monotonic()) * 1000)
