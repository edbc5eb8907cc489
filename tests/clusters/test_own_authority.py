"""An authority that somebody gives for one target: what is wrong with it, by table."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from controlplane.clusters.logic.own_authority import NO_PEM, problem, tidy
from tests.own_authority import CA_PEM, LEAF_PEM, NOW, OTHER_CA_PEM


def signed_by_itself() -> str:
    """As many servers in the field have one, without a word on authorities."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "connect")]),
    )
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, NOW + timedelta(days=9))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize(
    ("pem", "later", "said"),
    [
        (CA_PEM, 0, None),
        (CA_PEM + OTHER_CA_PEM, 0, None),
        (signed_by_itself(), 1, None),
        (signed_by_itself(), 10, "ended on"),
        ("", 0, NO_PEM),
        ("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----", 0, NO_PEM),
        (LEAF_PEM, 0, "CA:TRUE is missing"),
        (CA_PEM + LEAF_PEM, 0, "CA:TRUE is missing"),
        (CA_PEM, 365 * 40, "ended on"),
        (CA_PEM, -365, "only"),
        (CA_PEM * 200, 0, NO_PEM),
    ],
)
def test_what_is_wrong_with_it(pem: str, later: int, said: str | None) -> None:
    found = problem(pem, NOW + timedelta(days=later))
    assert found == said if said is None or said == NO_PEM else said in (found or "")


def test_it_is_stored_as_one_text_whatever_the_line_ends() -> None:
    assert tidy(f"\r\n{CA_PEM}".replace("\n", "\r\n")) == tidy(CA_PEM) == CA_PEM
    assert tidy("  \n") == ""
