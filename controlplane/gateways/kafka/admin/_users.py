"""SCRAM credentials. A password is salted and hashed here, before it leaves: the cluster never sees it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence

from controlplane.gateways.errors import InvalidRequest
from controlplane.gateways.kafka import _messages as m
from controlplane.gateways.kafka._messages import Message
from controlplane.gateways.kafka.access_types import CredentialMechanism, ScramCredential
from controlplane.gateways.kafka.admin._base import AdminBase
from controlplane.gateways.kafka.faults import raise_for

ITERATIONS = 8192  # Kafka's own default is its minimum, 4096
RESOURCE_NOT_FOUND = 91
HASHES = {CredentialMechanism.SCRAM_SHA_256: "sha256", CredentialMechanism.SCRAM_SHA_512: "sha512"}


class UsersAdmin(AdminBase):
    def describe_user_scram_credentials(
        self, users: Sequence[str] | None = None, *, broker: int | None = None
    ) -> tuple[ScramCredential, ...]:
        """Of all users or of the given; users without credentials are left out. `broker`: as that broker knows them."""
        with self._call("users") as call:
            return parse_credentials(call.ask(describe_request(users), node=broker))

    def upsert_user_scram_credential(
        self, user: str, mechanism: CredentialMechanism, password: str, iterations: int = ITERATIONS
    ) -> None:
        request = upsert_request(user, mechanism, password, secrets.token_bytes(32), iterations)
        with self._call(f"user {user}") as call:
            parse_altered(call.change(request))

    def delete_user_scram_credential(self, user: str, mechanism: CredentialMechanism) -> None:
        with self._call(f"user {user}") as call:
            parse_altered(call.change(delete_request(user, mechanism)))


def describe_request(users: Sequence[str] | None) -> Message:
    name = m.DescribeUserScramCredentials.UserName
    return m.DescribeUserScramCredentials(
        users=None if users is None else [name(name=user) for user in users]
    )


def parse_credentials(answer: Message) -> tuple[ScramCredential, ...]:
    raise_for(answer.error_code, answer.error_message, subject="users")
    for result in answer.results:
        if result.error_code != RESOURCE_NOT_FOUND:
            raise_for(result.error_code, result.error_message, subject=f"user {result.user}")
    found = [
        ScramCredential(result.user, CredentialMechanism.of(info.mechanism), info.iterations)
        for result in answer.results
        if result.error_code == 0
        for info in result.credential_infos
    ]
    return tuple(sorted(found, key=lambda credential: (credential.user, credential.mechanism)))


def upsert_request(
    user: str, mechanism: CredentialMechanism, password: str, salt: bytes, iterations: int
) -> Message:
    if mechanism not in HASHES:
        raise InvalidRequest(f"{mechanism} is not a SCRAM mechanism that this program can hash for")
    if not password or not user:
        raise InvalidRequest("A SCRAM user needs a name and a password")
    salted = hashlib.pbkdf2_hmac(HASHES[mechanism], password.encode(), salt, iterations)
    return m.AlterUserScramCredentials(
        deletions=[],
        upsertions=[
            m.AlterUserScramCredentials.ScramCredentialUpsertion(
                name=user, mechanism=mechanism.wire, iterations=iterations, salt=salt, salted_password=salted
            )
        ],
    )


def delete_request(user: str, mechanism: CredentialMechanism) -> Message:
    deletion = m.AlterUserScramCredentials.ScramCredentialDeletion(name=user, mechanism=mechanism.wire)
    return m.AlterUserScramCredentials(deletions=[deletion], upsertions=[])


def parse_altered(answer: Message) -> None:
    for result in answer.results:
        raise_for(result.error_code, result.error_message, subject=f"user {result.user}")
