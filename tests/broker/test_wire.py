"""The two SCRAM requests, byte for byte, and answers that are cut short."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker import admin_user, wire
from broker.wire import Outcome, Reader, Upsertion, WireError


@given(st.integers(0, 2**31 - 1))
def test_a_number_survives_its_encoding(value: int) -> None:
    assert Reader(wire.varint(value)).varint() == value


def test_the_request_to_alter_is_as_kafkas_schema_says() -> None:
    body = wire.alter_scram_request([Upsertion("admin", 2, 8192, b"salt", b"hash")])
    assert body == b"\x01\x02\x06admin\x02\x00\x00\x20\x00\x05salt\x05hash\x00\x00"


def test_the_header_is_version_two() -> None:
    assert wire.header(51, 1) == b"\x00\x33\x00\x00\x00\x00\x00\x01\x00\x09kastellan\x00"


ALTERED = struct.pack(">i", 0) + b"\x02\x06admin" + struct.pack(">h", 92) + b"\x04why\x00\x00"
DESCRIBED = (
    struct.pack(">ih", 0, 0)
    + b"\x00\x02\x06admin"
    + struct.pack(">h", 0)
    + b"\x00\x02\x02"
    + struct.pack(">i", 8192)
) + b"\x00\x00\x00"


def test_an_answer_tells_user_error_and_message() -> None:
    assert wire.alter_scram_response(Reader(ALTERED)) == (Outcome("admin", 92, "why"),)


def test_a_description_tells_the_mechanisms() -> None:
    assert wire.describe_scram_response(Reader(DESCRIBED)) == (Outcome("admin", 0, None, (2,)),)


@given(st.integers(0, len(DESCRIBED) - 3))
def test_an_answer_that_is_cut_short_is_an_error(size: int) -> None:
    with pytest.raises(WireError):
        wire.describe_scram_response(Reader(DESCRIBED[:size]))


def test_the_salted_password_is_that_of_the_standards_example() -> None:
    """RFC 7677 section 3: user, pencil, SHA-256, 4096 iterations; its proof follows from this value."""
    import base64
    import hashlib
    import hmac

    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    salted = admin_user.salted_password("pencil", "sha256", salt, 4096)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    message = (
        "n=user,r=rOprNGfwEbeRWgbNEkqO,"
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    signature = hmac.digest(hashlib.sha256(client_key).digest(), message.encode(), "sha256")
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    assert base64.b64encode(proof) == b"dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
