"""An authority's key replaced on a real broker: trust new, switch, drop old; killed in the middle; a company's own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from django.test import Client
from django.utils import timezone

from broker import pki
from broker.credentials import NodeTls
from broker.issuance import authorities as authorities_of
from broker.paths import DataPaths
from broker.pki import Hierarchy, KeyPair, Purpose
from broker.spec import ClusterSpec
from controlplane.certificates import inventory, renewal, rotation, selectors
from controlplane.certificates.logic.rotation_state import RotationPhase, RotationStep
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for
from controlplane.core.access import SYSTEM, Role
from controlplane.gateways import authorities
from controlplane.gateways import broker as bundled
from controlplane.gateways.errors import InvalidRequest
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.security import KafkaConnection, Tls
from controlplane.jobs import services as jobs
from controlplane.jobs.models import JobState
from tests.conftest import Api
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db(transaction=True)


def take(cluster: Cluster, purpose: Purpose, step: RotationStep) -> None:
    """Plan, apply, and the job to its end."""
    plan = rotation.plan(cluster, purpose, step)
    assert plan.refusals == (), plan.refusals
    job = rotation.apply(SYSTEM, cluster, purpose, step, plan)
    done = jobs.run(job.pk)
    assert done is not None
    done.refresh_from_db()
    assert done.state == JobState.SUCCEEDED, (done.error, done.hint, done.log)


def root_of(spec: ClusterSpec, data: DataPaths, purpose: Purpose) -> x509.Certificate:
    return authorities_of(data, spec, purpose, datetime.now(UTC)).current.root.certificate


def as_client(spec: ClusterSpec, data: DataPaths, directory: Path, leaf: KeyPair, chain: str) -> KafkaGateway:
    """A client that has nothing but a certificate and the broker root."""
    (directory / "client.pem").write_text(chain)
    (directory / "client.key").write_text(leaf.key_pem)
    ca = authorities_of(data, spec, Purpose.BROKERS, datetime.now(UTC)).trusted_pem
    (directory / "ca.pem").write_text(ca)
    bootstrap = ",".join(node.listener("SSL").address for node in spec.nodes)
    ca_file, certificate, key = (str(directory / name) for name in ("ca.pem", "client.pem", "client.key"))
    tls = Tls(cafile=ca_file, certfile=certificate, keyfile=key)
    return KafkaGateway(KafkaConnection(bootstrap, tls))


@pytest.mark.timeout(600)
def test_the_brokers_key_is_replaced_in_three_steps_and_the_control_plane_never_loses_the_cluster(
    lone: Cluster, lone_spec: ClusterSpec, data_paths: DataPaths
) -> None:
    before = root_of(lone_spec, data_paths, Purpose.BROKERS)
    pem = data_paths.cluster("lone").clients / "admin" / "ca.pem"
    take(lone, Purpose.BROKERS, RotationStep.BEGIN)
    assert len(x509.load_pem_x509_certificates(pem.read_bytes())) == 2
    assert rotation.state_of(lone, Purpose.BROKERS).phase is RotationPhase.TRUST_NEW
    take(lone, Purpose.BROKERS, RotationStep.SWITCH)
    state = rotation.state_of(lone, Purpose.BROKERS)
    assert all(node.presents_current and node.restarted_since for node in state.nodes)
    gateway_for(lone).describe_cluster()
    take(lone, Purpose.BROKERS, RotationStep.FINISH)
    after = root_of(lone_spec, data_paths, Purpose.BROKERS)
    assert after != before
    assert x509.load_pem_x509_certificates(pem.read_bytes()) == [after]
    assert len(gateway_for(lone).describe_cluster().brokers) == 1


def test_a_replaced_client_authority_takes_old_and_new_certificates_until_the_old_is_dropped(
    lone: Cluster, lone_spec: ClusterSpec, data_paths: DataPaths, tmp_path: Path
) -> None:
    old = authorities_of(data_paths, lone_spec, Purpose.CLIENTS, datetime.now(UTC)).current
    leaf = pki.issue(old, "orders", (), datetime.now(UTC))
    client = as_client(lone_spec, data_paths, tmp_path, leaf, old.chain_pem(leaf.certificate))
    take(lone, Purpose.CLIENTS, RotationStep.BEGIN)
    take(lone, Purpose.CLIENTS, RotationStep.SWITCH)
    client.describe_cluster()
    client.close()
    new = authorities_of(data_paths, lone_spec, Purpose.CLIENTS, datetime.now(UTC)).current
    assert new.root.certificate != old.root.certificate
    assert authorities.trusted_by(lone_spec, Purpose.CLIENTS, new) == {1: True}
    take(lone, Purpose.CLIENTS, RotationStep.FINISH)
    assert authorities.trusted_by(lone_spec, Purpose.CLIENTS, old) == {1: False}


def test_an_abandoned_authority_is_trusted_by_nobody(lone: Cluster, lone_spec: ClusterSpec) -> None:
    take(lone, Purpose.CLIENTS, RotationStep.BEGIN)
    following = bundled.authorities(lone_spec, Purpose.CLIENTS).following
    assert following is not None
    assert authorities.trusted_by(lone_spec, Purpose.CLIENTS, following) == {1: True}
    take(lone, Purpose.CLIENTS, RotationStep.ABANDON)
    assert authorities.trusted_by(lone_spec, Purpose.CLIENTS, following) == {1: False}


def test_a_company_authority_takes_over_and_its_key_is_in_no_job(
    lone: Cluster, lone_spec: ClusterSpec
) -> None:
    now = datetime.now(UTC)
    company = pki.create_hierarchy(Purpose.CLIENTS, "company", (), now)
    chain = company.issuing.certificate_pem + company.root.certificate_pem
    coming = authorities.uploaded_hierarchy(
        lone_spec, Purpose.CLIENTS, chain_pem=chain, key_pem=company.issuing.key_pem
    )
    plan = rotation.plan(lone, Purpose.CLIENTS, RotationStep.BEGIN, coming)
    job = rotation.apply(SYSTEM, lone, Purpose.CLIENTS, RotationStep.BEGIN, plan, coming)
    assert "PRIVATE" not in str(job.args)
    done = jobs.run(job.pk)
    assert done is not None
    done.refresh_from_db()
    assert done.state == JobState.SUCCEEDED, (done.error, done.log)
    take(lone, Purpose.CLIENTS, RotationStep.SWITCH)
    assert rotation.state_of(lone, Purpose.CLIENTS).current.external
    notes = {row.name: row.note for row in inventory.inventory(lone) if row.kind == "authority"}
    assert notes["clients issuing"] == "your company's: replace the key before it ends"
    assert notes["clients root"] == notes["clients issuing"]
    assert notes["clients issuing, old"] == "dropped with the old authority"
    assert notes["brokers issuing"] == "renewed automatically"
    assert notes["brokers root"] == "replace the key before it ends"
    issued = bundled.issue_client(lone_spec, "orders", timedelta(days=1))
    assert issued.certificate.issuer == company.issuing.certificate.subject
    take(lone, Purpose.CLIENTS, RotationStep.FINISH)
    assert authorities.trusted_by(lone_spec, Purpose.CLIENTS, company) == {1: True}


def test_our_request_is_signed_elsewhere_and_the_answer_becomes_the_authority(
    lone: Cluster, lone_spec: ClusterSpec
) -> None:
    request = x509.load_pem_x509_csr(authorities.signing_request(lone_spec, Purpose.CLIENTS).encode())
    assert request.is_signature_valid
    now = datetime.now(UTC)
    company = pki.create_hierarchy(Purpose.CLIENTS, "company", (), now)
    assert isinstance(company.root, KeyPair)
    signed = pki.create_issuing(Purpose.CLIENTS, company.root, (), now)
    with pytest.raises(InvalidRequest, match="no certificate belongs to the private key"):
        authorities.signed_hierarchy(
            lone_spec, Purpose.CLIENTS, signed.certificate_pem + company.root.certificate_pem
        )
    assert authorities.signing_request(lone_spec, Purpose.CLIENTS)  # the same key waits still


def test_a_renewed_broker_certificate_is_presented_at_once_and_its_restart_waits_for_its_time(
    lone: Cluster, lone_spec: ClusterSpec, data_paths: DataPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The present certificate was issued 61 days ago: two thirds of its life are over."""
    now = datetime.now(UTC)
    NodeTls(data_paths.cluster("lone").node(1).tls).keystore.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(authorities, "_now", lambda: now - timedelta(days=61))
        authorities.reissue_due(lone_spec)
    renewal.reload_listeners(lone, [1])
    before = authorities.tls_states(lone_spec)[0].serial
    done = renewal.renew(lone, now)
    assert "broker-1" in done.issued
    assert done.reloaded == (1,)
    (state,) = authorities.tls_states(lone_spec)
    assert state.serial != before
    assert set(state.served.values()) == {state.serial}
    assert state.restart_needed
    assert state.raft_leaf_ends is not None
    ends = state.raft_leaf_ends
    assert timedelta(days=28) < ends - now < timedelta(days=30)
    assert done.restarting == ()
    late = ends - timedelta(days=6)
    assert renewal.restarts_due((state,), late) == (1,)
    assert renewal.renew(lone, late).restarting == (1,)
    assert renewal.renew(lone, late).restarting == ()  # one job is enough


def test_what_the_dropped_authority_issued_is_not_trusted_any_more_wherever_it_is_shown(
    lone: Cluster, lone_spec: ClusterSpec, api: Callable[[Role], Api]
) -> None:
    call = api(Role.ADMIN)
    path = "clusters/lone/certificates/"
    made = [call("POST", path, {"common_name": name}).json() for name in ("orders", "orders.gone", "billing")]
    orders, gone, billing = (str(each["serial"]) for each in made)
    renewed = str(call("POST", f"{path}{billing}/renew/", {}).json()["serial"])
    assert call("POST", f"{path}{gone}/revoke/", {}, If_Match="*").status_code == 200
    take(lone, Purpose.CLIENTS, RotationStep.BEGIN)
    take(lone, Purpose.CLIENTS, RotationStep.SWITCH)
    late = str(call("POST", path, {"common_name": "late"}).json()["serial"])
    # Each in one state: what was renewed is not among the valid ones, though brokers take it.
    assert shown(call, path, "valid") == {orders, renewed, late}
    assert shown(call, path, "replaced") == {billing}
    listed = call("GET", f"{path}?authority=old").json()["results"]
    assert {row["serial"] for row in listed} == {orders, gone, billing, renewed}
    assert all(row["old_authority"] for row in listed)
    listing = signed_in(Role.ADMIN).get("/clusters/lone/certificates/").content.decode()
    assert "2 certificates of the old authority are in use" in listing
    plan = rotation.plan(lone, Purpose.CLIENTS, RotationStep.FINISH)
    named = [item.name for item in plan.affected]
    assert sorted(named) == sorted(
        [f"orders ({orders})", f"billing ({billing}, renewed already)", f"billing ({renewed})"]
    )
    take(lone, Purpose.CLIENTS, RotationStep.FINISH)
    assert shown(call, path, "valid") == {late}
    assert shown(call, path, "ending") == set()
    assert shown(call, path, "untrusted") == {orders, billing, renewed}
    assert shown(call, path, "revoked") == {gone}
    assert shown(call, path, "still_accepted") == set()
    assert [row.serial for row in inventory.inventory(lone) if row.kind == "client"] == [late]
    names = {dict(sample.labels)["name"] for sample in inventory.samples(lone, timezone.now())}
    assert "late" in names
    assert not names & {"orders", "billing"}
    read = call("GET", f"{path}{orders}/").json()
    assert read["trusted"] is False
    assert datetime.fromisoformat(read["untrusted_since"]) > lone_was_young()
    assert call("GET", f"{path}{late}/").json()["trusted"] is True
    client = signed_in(Role.ADMIN)
    page = client.get(f"/clusters/lone/certificates/{orders}/").content.decode()
    assert "its authority was dropped on" in page
    assert "In force until" not in page
    assert "untrusted</span>" in client.get("/clusters/lone/certificates/").content.decode()
    revoke = call("POST", f"{path}{orders}/revoke/?dry_run=true", {}).json()
    assert any("Brokers refuse" in warning for warning in revoke["warnings"])
    assert not any("go on accepting" in warning for warning in revoke["warnings"])
    renew = call("POST", f"{path}{orders}/renew/?dry_run=true", {}).json()
    assert not any("stays valid" in warning for warning in renew["warnings"])
    assert "User:orders" not in selectors.accepted_certificates(lone)
    assert "User:late" in selectors.accepted_certificates(lone)
    answer = call("POST", f"{path}{orders}/revoke/", {"reason": "key_compromise"}, If_Match="*")
    assert answer.status_code == 200, answer.content


def shown(call: Api, path: str, state: str) -> set[str]:
    found = call("GET", f"{path}?state={state}").json()["results"]
    return {row["serial"] for row in found}


def lone_was_young() -> datetime:
    return datetime.now(UTC) - timedelta(minutes=5)


def test_the_public_lists_follow_the_switch_and_the_drop_and_name_their_own(
    lone: Cluster, lone_spec: ClusterSpec, api: Callable[[Role], Api], client: Client
) -> None:
    call = api(Role.ADMIN)
    path = "clusters/lone/certificates/"
    early = str(call("POST", path, {"common_name": "early"}).json()["serial"])
    assert call("POST", f"{path}{early}/revoke/", {}, If_Match="*").status_code == 200
    assert on_list(client, "clients.crl") == {early}
    take(lone, Purpose.CLIENTS, RotationStep.BEGIN)
    take(lone, Purpose.CLIENTS, RotationStep.SWITCH)
    found = bundled.authorities(lone_spec, Purpose.CLIENTS)
    assert found.old is not None
    assert signed_list(client, "clients.crl", found.current)
    assert signed_list(client, "clients-old.crl", found.old)
    assert (on_list(client, "clients.crl"), on_list(client, "clients-old.crl")) == (set(), {early})
    late = str(call("POST", path, {"common_name": "late"}).json()["serial"])
    assert call("POST", f"{path}{late}/revoke/", {}, If_Match="*").status_code == 200
    assert (on_list(client, "clients.crl"), on_list(client, "clients-old.crl")) == ({late}, {early})
    page = signed_in(Role.ADMIN).get("/clusters/lone/certificates/authorities/").content.decode()
    for url, hierarchy in (("clients.crl", found.current), ("clients-old.crl", found.old)):
        row = page[page.index(f'href="/pki/lone/{url}"') :].split("</tr>")[0]
        assert hierarchy.issuing.certificate.subject.rfc4514_string() in row
    take(lone, Purpose.CLIENTS, RotationStep.FINISH)
    assert signed_list(client, "clients.crl", found.current)
    assert client.get("/pki/lone/clients-old.crl").status_code == 404


def crl(client: Client, name: str) -> x509.CertificateRevocationList:
    return x509.load_der_x509_crl(client.get(f"/pki/lone/{name}").content)


def on_list(client: Client, name: str) -> set[str]:
    return {f"{each.serial_number:x}" for each in crl(client, name)}


def signed_list(client: Client, name: str, hierarchy: Hierarchy) -> bool:
    key = hierarchy.issuing.certificate.public_key()
    return crl(client, name).is_signature_valid(key)  # type: ignore[arg-type]
