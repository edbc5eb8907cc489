"""CA-4: what a signing request may be, and ≥ 30 that are malformed or ask for too much: a reason each, never a crash."""

from __future__ import annotations

import base64
import ipaddress
import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.certificates.logic.csr import MAX_BYTES, SigningRequest, describe_key, read_request
from controlplane.certificates.logic.plans import IssueCertificate, plan_issue
from controlplane.certificates.models import Certificate
from controlplane.certificates.services import revocation
from controlplane.clusters.models import Cluster
from controlplane.core.access import Role
from controlplane.core.plans import Refusal
from controlplane.gateways import broker as bundled
from controlplane.gateways.errors import GatewayError
from tests.certificates.conftest import CERTIFICATES, Issue, unpacked
from tests.certificates.test_plans import FREE, NOW
from tests.conftest import Api
from tests.web.people import signed_in

EC = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)
EMPTY = x509.Name([])


def request(
    key: Any = EC,
    names: list[x509.GeneralName] | None = None,
    *,
    hash_: Any = None,
    subject: x509.Name = EMPTY,
    more: tuple[tuple[x509.ExtensionType, bool], ...] = (),
) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if names is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    for extension, critical in more:
        builder = builder.add_extension(extension, critical)
    chosen = (
        None
        if isinstance(key, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey))
        else hash_ or hashes.SHA256()
    )
    return builder.sign(key, chosen).public_bytes(serialization.Encoding.PEM).decode()


def der_of(pem: str) -> bytes:
    return x509.load_pem_x509_csr(pem.encode()).public_bytes(serialization.Encoding.DER)


def pem_of(der: bytes, label: str = "CERTIFICATE REQUEST") -> str:
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN {label}-----\n{body}-----END {label}-----\n"


def flipped(at: int) -> str:
    der = bytearray(der_of(request()))
    der[at] ^= 1
    return pem_of(bytes(der))


GOOD = request()
#: Made once: signatures are random, and differ in length.
WITH_HOST = der_of(request(names=[x509.DNSName("a.example")]))
SIGNED = x509.load_der_x509_csr(WITH_HOST).tbs_certrequest_bytes
DNS, IP = x509.DNSName, x509.IPAddress
MALFORMED: dict[str, str] = {
    "one letter": "x",
    "only a head": "-----BEGIN CERTIFICATE REQUEST-----",
    "head and foot": "-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n",
    "no base64": "-----BEGIN CERTIFICATE REQUEST-----\n!!!!\n-----END CERTIFICATE REQUEST-----\n",
    "base64 of nothing much": pem_of(b"\x00"),
    "an empty sequence": pem_of(b"\x30\x00"),
    "a length beyond the end": pem_of(b"\x30\x82\xff\xff\x00"),
    "an indefinite length": pem_of(b"\x30\x80\x00\x00"),
    "a deep nest": pem_of(b"\x30\x82\x03\xe8" * 250),
    "cut in half": pem_of(der_of(GOOD)[:120]),
    "bytes after the end": pem_of(der_of(GOOD) + b"\x00\x00"),
    "the first byte changed": flipped(0),
    "the version changed": flipped(9),
    "the key changed": flipped(60),
    "the signature changed": flipped(-1),
    "two of them": GOOD + GOOD,
    "a certificate": pem_of(der_of(GOOD), "CERTIFICATE"),
    "a private key": EC.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode(),
    "a request with its private key": GOOD
    + RSA.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode(),
    "too large": "x" * MAX_BYTES + GOOD,
    "letters of other scripts": "-----BEGIN CERTIFICATE REQUEST-----\nжж\n-----END CERTIFICATE REQUEST-----",
    "a null byte": GOOD.replace("\n", "\x00", 1),
    "another label": GOOD.replace("CERTIFICATE REQUEST", "X509 CRL"),
    "RSA of 1024 bits": request(rsa.generate_private_key(65537, 1024)),
    "RSA with the exponent 3": request(rsa.generate_private_key(3, 2048)),
    "P-521": request(ec.generate_private_key(ec.SECP521R1())),
    "secp256k1": request(ec.generate_private_key(ec.SECP256K1())),
    "P-224": request(ec.generate_private_key(ec.SECP224R1())),
    "Ed25519": request(ed25519.Ed25519PrivateKey.generate()),
    "Ed448": request(ed448.Ed448PrivateKey.generate()),
    "DSA": request(dsa.generate_private_key(2048)),
    "signed with SHA-224": request(hash_=hashes.SHA224()),
    "a wildcard": request(names=[DNS("*.example.com")]),
    "a wildcard inside": request(names=[DNS("a.*.example.com")]),
    "a host with a blank": request(names=[DNS("a b")]),
    "an empty host": request(names=[DNS("")]),
    "a host that is a number": request(names=[DNS("127.1")]),
    "a host with an underscore": request(names=[DNS("a_b.example")]),
    "a label of 64 letters": request(names=[DNS("a" * 64 + ".example")]),
    "a network": request(names=[IP(ipaddress.ip_network("10.0.0.0/8"))]),
    "a mail address": request(names=[x509.RFC822Name("admin@example.com")]),
    "an address of the web": request(names=[x509.UniformResourceIdentifier("spiffe://x/y")]),
    "a directory name": request(
        names=[x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "admin")]))]
    ),
    "another name": request(names=[x509.OtherName(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")]),
    "21 hosts": request(names=[DNS(f"h{n}.example") for n in range(21)]),
}


def test_there_are_enough_malformed_ones() -> None:
    assert len(MALFORMED) >= 30


@pytest.mark.parametrize("case", MALFORMED)
def test_a_request_that_cannot_be_taken_says_why(case: str) -> None:
    found = read_request(MALFORMED[case])
    assert isinstance(found, Refusal), case
    assert found.what
    assert found.hint


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("case", MALFORMED)
def test_the_api_answers_it_with_422(case: str, cluster: Cluster, admin_api: Api) -> None:
    body = {"common_name": "malformed", "csr": MALFORMED[case]}
    answer = admin_api("POST", CERTIFICATES, body)
    assert answer.status_code == 422, answer.content
    assert b"PRIVATE KEY" not in answer.content
    assert not Certificate.objects.exists()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: EC, "elliptic curve P-256"),
        (lambda: ec.generate_private_key(ec.SECP384R1()), "elliptic curve P-384"),
        (lambda: RSA, "RSA, 2048 bits"),
        (lambda: rsa.generate_private_key(65537, 3072), "RSA, 3072 bits"),
    ],
)
def test_keys_that_kafkas_clients_use_are_taken(make: Callable[[], Any], words: str) -> None:
    key = make()
    found = read_request(request(key))
    assert isinstance(found, SigningRequest)
    assert found.public_key == key.public_key()
    assert describe_key(found.public_key) == words


@pytest.mark.parametrize("hash_", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_each_good_digest_is_taken(hash_: hashes.HashAlgorithm) -> None:
    assert isinstance(read_request(request(hash_=hash_)), SigningRequest)


def test_hosts_and_addresses_are_taken_once_and_in_lower_case() -> None:
    names = [DNS("Worker.Example"), DNS("worker.example"), IP(ipaddress.ip_address("10.0.0.1"))]
    found = read_request(request(names=names))
    assert isinstance(found, SigningRequest)
    assert found.hosts == ("worker.example", "10.0.0.1")


def test_line_ends_of_a_browser_and_the_old_label_are_taken() -> None:
    assert isinstance(read_request(GOOD.replace("\n", "\r\n")), SigningRequest)
    assert isinstance(read_request(GOOD.replace("CERTIFICATE", "NEW CERTIFICATE")), SigningRequest)
    assert isinstance(read_request(f"some words before\n{GOOD}"), SigningRequest)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_change_of_what_was_signed_is_taken_and_none_crashes(data: st.DataObject) -> None:
    """Outside of it a byte may not count: of a signature's BIT STRING the number of unused bits is not looked at."""
    der = bytearray(WITH_HOST)
    for at in data.draw(st.sets(st.integers(0, len(der) - 1), min_size=1, max_size=4)):
        der[at] ^= data.draw(st.integers(1, 255))
    found = read_request(pem_of(bytes(der)))
    if not isinstance(found, Refusal):
        assert x509.load_der_x509_csr(bytes(der)).tbs_certrequest_bytes == SIGNED
        assert found.hosts == ("a.example",)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=400), st.binary(max_size=300).map(pem_of)))
def test_no_text_crashes(text: str) -> None:
    assert isinstance(read_request(text), Refusal)


def chain(path: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.encode())


@pytest.mark.django_db(transaction=True)
def test_subject_and_extensions_of_a_request_are_ignored_but_alternative_names(
    cluster: Cluster, issue: Issue, prefix: str
) -> None:
    """It asks for the subject admin, for being an authority and for server use."""
    wish = request(
        names=[DNS("worker.localhost"), IP(ipaddress.ip_address("10.0.0.1"))],
        subject=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "admin")]),
        more=(
            (x509.BasicConstraints(ca=True, path_length=9), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        ),
    )
    made = issue(f"{prefix}.csr", csr=wish, days=7)
    certificate = chain(made.answer["certificate_pem"])
    assert certificate.public_key() == EC.public_key()
    assert certificate.subject.rfc4514_string() == f"CN={prefix}.csr"
    extensions = certificate.extensions
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usages = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == ["worker.localhost", "10.0.0.1"]


@pytest.mark.django_db(transaction=True)
def test_a_public_address_is_beyond_what_the_authority_may_certify(cluster: Cluster, admin_api: Api) -> None:
    wish = request(names=[IP(ipaddress.ip_address("8.8.8.8"))])
    answer = admin_api("POST", CERTIFICATES, {"common_name": "far", "csr": wish})
    assert answer.status_code == 422
    assert answer.json()["refusals"][0]["code"] == "hosts"


@pytest.mark.django_db(transaction=True)
def test_a_host_name_of_somebody_elses_is_refused_in_words_and_our_own_is_taken(
    cluster: Cluster, admin_api: Api, issue: Issue, prefix: str
) -> None:
    """The clients' issuing certificate limits addresses alone: that names are ours is seen to here (CA-1, CA-4)."""
    wish = request(names=[DNS("evil.example"), DNS("localhost")])
    answer = admin_api("POST", CERTIFICATES, {"common_name": "far", "csr": wish})
    assert answer.status_code == 422
    (refusal,) = answer.json()["refusals"]
    assert (refusal["code"], refusal["what"]) == ("hosts", "The authority may not certify evil.example")
    assert "Make the request without" in refusal["hint"]
    spec = bundled.bundled_cluster(cluster.name)
    with pytest.raises(GatewayError, match=r"names evil\.example"):
        bundled.certify_client(spec, "far", EC.public_key(), ("evil.example",), timedelta(days=1))
    host = socket.gethostname().lower()
    made = issue(f"{prefix}.near", csr=request(names=[DNS("localhost"), DNS(host)]), days=7)
    names = chain(made.answer["certificate_pem"]).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert [str(name.value) for name in names.value] == ["localhost", host]


@pytest.mark.django_db(transaction=True)
def test_the_plan_of_a_refused_request_speaks_of_no_key_made_here(cluster: Cluster, admin_api: Api) -> None:
    answer = admin_api("POST", f"{CERTIFICATES}?dry_run=true", {"common_name": "far", "csr": "nonsense"})
    assert [refusal["code"] for refusal in answer.json()["refusals"]] == ["csr"]
    assert "of the request, which is refused" in answer.content.decode()
    assert "made here" not in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_key_that_was_compromised_is_never_certified_again(
    cluster: Cluster, admin_api: Api, issue: Issue, prefix: str
) -> None:
    made = issue(f"{prefix}.lost", csr=request(RSA))
    revoked = admin_api(
        "POST", f"{CERTIFICATES}{made.serial}/revoke/", {"reason": "key_compromise"}, If_Match="*"
    )
    assert revoked.status_code == 200
    answer = admin_api("POST", CERTIFICATES, {"common_name": f"{prefix}.other", "csr": request(RSA)})
    assert answer.status_code == 422
    assert answer.json()["refusals"][0]["code"] == "key_compromised"


def test_a_key_that_others_may_have_takes_every_certificate_of_it_along_and_no_other(
    cluster: Cluster, admin_api: Api, issue: Issue, prefix: str
) -> None:
    """A renewal of a certificate from a request keeps the key: both are in other hands, so both go."""
    csr = request(ec.generate_private_key(ec.SECP256R1()))
    first, other = issue(f"{prefix}.kept", csr=csr), issue(f"{prefix}.other")
    path = f"{CERTIFICATES}{first.serial}/"
    renewed = str(admin_api("POST", f"{path}renew/", {}).json()["serial"])
    tag = admin_api("GET", path)["ETag"]
    plan = admin_api("POST", f"{path}revoke/?dry_run=true", {"reason": "key_compromise"})
    assert [step["name"] for step in plan.json()["steps"]] == [first.serial, renewed]
    assert renewed in plan.json()["warnings"][0]
    assert plan["ETag"] == tag
    done = admin_api("POST", f"{path}revoke/", {"reason": "key_compromise"}, If_Match=tag)
    assert done.status_code == 200, done.content
    revoked = Certificate.objects.exclude(revoked_at=None)
    assert {row.serial for row in revoked} == {first.serial, renewed}
    assert {row.revocation_reason for row in revoked} == {"key_compromise"}
    assert revocation.is_listed(cluster, renewed)
    assert not revocation.is_listed(cluster, other.serial)


def test_the_zip_without_a_key_can_be_had_again_and_the_page_leads_on(
    issue: Issue, admin_api: Api, tmp_path: Path
) -> None:
    made = issue("again.svc", csr=request())
    page = signed_in(Role.VIEWER).get(f"/{CERTIFICATES}{made.serial}/").content.decode()
    assert "without-key.zip" in page
    for link in ("acls/?principal=User%3Aagain.svc", "acls/explain/?", "effective/?user=again.svc"):
        assert link in page
    answer = signed_in(Role.VIEWER).get(f"/{CERTIFICATES}{made.serial}/without-key.zip")
    assert answer["Content-Type"] == "application/zip"
    again = unpacked(base64.b64encode(answer.content).decode(), tmp_path / "again")
    assert {each.name for each in again.iterdir()} == {each.name for each in made.directory.iterdir()}
    for name in ("certificate.pem", "ca.pem", "kcat.conf"):
        assert (again / name).read_text() == (made.directory / name).read_text()
    assert "PRIVATE KEY" not in "".join(each.read_text(errors="replace") for each in again.iterdir())
    given = Certificate.objects.get(serial=made.serial).downloads.order_by("pk")
    assert [each.what for each in given] == ["ZIP without a key"] * 2
    assert admin_api("GET", f"{CERTIFICATES}{made.serial}/without-key.zip").status_code == 200
    own = issue("own.svc")
    assert admin_api("GET", f"{CERTIFICATES}{own.serial}/without-key.zip").status_code == 404
    assert (
        "without-key.zip" not in signed_in(Role.VIEWER).get(f"/{CERTIFICATES}{own.serial}/").content.decode()
    )


def test_a_plan_of_a_request_has_its_call_and_reads_the_request_from_its_owners_file() -> None:
    plan = plan_issue(IssueCertificate("orders", 90, GOOD), FREE, cluster="main", now=NOW)
    assert plan.curl.startswith('jq -n --rawfile csr request.pem \'{"common_name"')
    assert plan.curl.endswith("-d @-")
    assert GOOD.splitlines()[1] not in str(plan.to_json())
