"""An authority's key replaced on a real broker: trust new, switch, drop old; killed in the middle; a company's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from broker import pki
from broker.credentials import NodeTls
from broker.issuance import authorities as authorities_of
from broker.paths import DataPaths
from broker.pki import KeyPair, Purpose
from broker.spec import ClusterSpec
from controlplane.certificates import renewal, rotation
from controlplane.certificates.logic.rotation import RotationPhase, RotationStep
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for
from controlplane.core.access import SYSTEM
from controlplane.gateways import authorities
from controlplane.gateways import broker as bundled
from controlplane.gateways.errors import InvalidRequest
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.security import KafkaConnection, Tls
from controlplane.jobs import services as jobs
from controlplane.jobs.models import JobState

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
