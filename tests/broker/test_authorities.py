"""Authorities on disk: keys sealed and bound to their place, three phases of a rotation, whole after a crash anywhere."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from broker import authorities, pki, sealing
from broker.authorities import Authorities, AuthorityStore, Phase, signed_by
from broker.paths import ClusterPaths, DataPaths, write_private
from broker.pki import ForeignRoot, Hierarchy, KeyPair, PkiError, Purpose
from broker.sealing import Unsealable
from broker.spec import ClusterSpec

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SPEC = ClusterSpec("main", "aaaaaaaaaaaaaaaaaaaaaa", ())
HOSTS = ("localhost",)


@pytest.fixture
def place(tmp_path: Path) -> ClusterPaths:
    return DataPaths(tmp_path / "data").prepare().cluster("main")


@pytest.fixture
def store(place: ClusterPaths) -> AuthorityStore:
    return AuthorityStore(place, SPEC, Purpose.BROKERS)


def roots(store: AuthorityStore) -> set[x509.Certificate]:
    return set(x509.load_pem_x509_certificates(store.trusted.read_bytes()))


def certificates(found: Authorities) -> list[object]:
    """Keys compare by identity, certificates by content."""
    each = (found.current, found.following, found.old)
    return [h and (h.root.certificate, h.issuing.certificate, h.between) for h in each]


def dropped(store: AuthorityStore) -> Authorities:
    store.drop(HOSTS, NOW)
    return store.forget(HOSTS, NOW)


def rotation(store: AuthorityStore) -> dict[Phase, Authorities]:
    none = store.ensure(HOSTS, NOW)
    begun = store.begin(store.new_hierarchy(HOSTS, NOW), HOSTS, NOW)
    return {Phase.NONE: none, Phase.TRUST_NEW: begun, Phase.SWITCHED: store.switch(HOSTS, NOW)}


def test_a_rotation_trusts_both_switches_then_trusts_the_new_one_alone(store: AuthorityStore) -> None:
    first = store.ensure(HOSTS, NOW)
    old = first.current.root.certificate
    assert roots(store) == {old}
    begun = store.begin(store.new_hierarchy(HOSTS, NOW), HOSTS, NOW)
    assert begun.following is not None
    new = begun.following.root.certificate
    assert (begun.phase, begun.current.root.certificate, roots(store)) == (Phase.TRUST_NEW, old, {old, new})
    switched = store.switch(HOSTS, NOW)
    assert (switched.phase, switched.current.root.certificate, roots(store)) == (
        Phase.SWITCHED,
        new,
        {old, new},
    )
    assert switched.old is not None
    assert switched.old.issuing.certificate == first.current.issuing.certificate
    dropping = store.drop(HOSTS, NOW)
    assert (dropping.phase, dropping.current.root.certificate, roots(store)) == (Phase.DROPPING, new, {new})
    assert dropping.leaving is dropping.old
    assert dropping.known_roots == (new, old)  # what a peer that has not followed accepts
    done = store.forget(HOSTS, NOW)
    assert (done.phase, done.current.root.certificate, roots(store)) == (Phase.NONE, new, {new})
    assert done.leaving is None
    assert certificates(store.ensure(HOSTS, NOW)) == certificates(done)


def test_an_abandoned_rotation_leaves_no_trace(store: AuthorityStore) -> None:
    before = store.ensure(HOSTS, NOW)
    store.begin(store.new_hierarchy(HOSTS, NOW), HOSTS, NOW)
    left = store.abandon(HOSTS, NOW)
    assert left.phase is Phase.ABANDONING
    assert left.leaving is left.following
    assert roots(store) == {before.current.root.certificate}
    assert certificates(store.forget(HOSTS, NOW)) == certificates(before)
    assert roots(store) == {before.current.root.certificate}


def test_our_own_root_stays_ours_when_its_key_is_gone_and_a_companys_does_not_become_ours(
    store: AuthorityStore,
) -> None:
    switched = rotation(store)[Phase.SWITCHED]
    assert switched.old is not None
    assert (switched.old.external, switched.old.root_key_here) == (False, False)
    dropped(store)
    company = pki.create_hierarchy(Purpose.BROKERS, "company", HOSTS, NOW)
    store.begin(
        Hierarchy(Purpose.BROKERS, ForeignRoot(company.root.certificate), company.issuing), HOSTS, NOW
    )
    after = store.switch(HOSTS, NOW)
    assert after.old is not None
    assert (after.current.external, after.old.external) == (True, False)
    dropped(store)
    store.begin(store.new_hierarchy(HOSTS, NOW), HOSTS, NOW)
    back = store.switch(HOSTS, NOW)
    assert back.old is not None
    assert (back.current.external, back.old.external) == (False, True)


@pytest.mark.parametrize(
    ("phase", "act"),
    [
        (Phase.NONE, "switch"),
        (Phase.NONE, "drop"),
        (Phase.NONE, "abandon"),
        (Phase.NONE, "forget"),
        (Phase.TRUST_NEW, "drop"),
        (Phase.TRUST_NEW, "begin"),
        (Phase.TRUST_NEW, "forget"),
        *((Phase.ABANDONING, act) for act in ("begin", "switch", "drop", "abandon")),
        (Phase.SWITCHED, "switch"),
        (Phase.SWITCHED, "abandon"),
        (Phase.SWITCHED, "begin"),
        (Phase.SWITCHED, "forget"),
        *((Phase.DROPPING, act) for act in ("begin", "switch", "drop", "abandon")),
    ],
)
def test_a_phase_cannot_be_skipped_or_repeated(store: AuthorityStore, phase: Phase, act: str) -> None:
    reach(store, phase)
    with pytest.raises(PkiError):
        _acts(store)[act]()
    assert store.ensure(HOSTS, NOW).phase is phase


def reach(store: AuthorityStore, phase: Phase) -> None:
    acts = _acts(store)
    store.ensure(HOSTS, NOW)
    for act in {
        Phase.NONE: (),
        Phase.TRUST_NEW: ("begin",),
        Phase.ABANDONING: ("begin", "abandon"),
        Phase.SWITCHED: ("begin", "switch"),
        Phase.DROPPING: ("begin", "switch", "drop"),
    }[phase]:
        acts[act]()


def _acts(store: AuthorityStore) -> dict[str, Callable[[], Authorities]]:
    return {
        "begin": lambda: store.begin(store.new_hierarchy(HOSTS, NOW), HOSTS, NOW),
        "switch": lambda: store.switch(HOSTS, NOW),
        "drop": lambda: store.drop(HOSTS, NOW),
        "abandon": lambda: store.abandon(HOSTS, NOW),
        "forget": lambda: store.forget(HOSTS, NOW),
    }


class Killed(BaseException):
    """As a kill would: nothing after it runs."""


@pytest.mark.parametrize(
    ("before_phase", "act", "after_phase"),
    [
        (Phase.NONE, "begin", Phase.TRUST_NEW),
        (Phase.TRUST_NEW, "switch", Phase.SWITCHED),
        (Phase.SWITCHED, "drop", Phase.DROPPING),
        (Phase.DROPPING, "forget", Phase.NONE),
        (Phase.TRUST_NEW, "abandon", Phase.ABANDONING),
        (Phase.ABANDONING, "forget", Phase.NONE),
    ],
)
def test_a_crash_at_any_write_leaves_one_phase_or_the_next_and_every_key_opens(
    place: ClusterPaths, monkeypatch: pytest.MonkeyPatch, before_phase: Phase, act: str, after_phase: Phase
) -> None:
    """The k-th write (or removal) never happens, for every k until the act gets through."""
    for kill_at in range(40):
        spec = ClusterSpec("main", f"{kill_at:022d}", ())
        here = ClusterPaths(place.data, f"c{kill_at}")
        store = AuthorityStore(here, spec, Purpose.BROKERS)
        reach(store, before_phase)
        with monkeypatch.context() as patch:
            _kill_at(patch, kill_at)
            try:
                _acts(store)[act]()
            except Killed:
                survived = False
            else:
                survived = True
        found = AuthorityStore(here, spec, Purpose.BROKERS).ensure(HOSTS, NOW)
        assert found.phase in (before_phase, after_phase)
        assert roots(store) == set(found.roots)
        for each in (found.current, found.following, found.old):
            if each is not None:
                assert signed_by(each.issuing.certificate, each.root.certificate)
                assert each.issuing.key.public_key() == each.issuing.certificate.public_key()
        if survived:
            assert found.phase is after_phase
            return
    raise AssertionError("the act never got through")


def _kill_at(patch: pytest.MonkeyPatch, count: int) -> None:
    left = [count]
    write, remove = write_private, shutil.rmtree

    def tick() -> None:
        if left[0] == 0:
            raise Killed
        left[0] -= 1

    def writing(path: Path, content: str | bytes) -> Path:
        tick()
        return write(path, content)

    def removing(path: Path, ignore_errors: bool = False) -> None:
        tick()
        remove(path, ignore_errors=ignore_errors)

    patch.setattr(authorities, "write_private", writing)
    patch.setattr(shutil, "rmtree", removing)


def test_no_key_of_an_authority_is_readable_on_disk(store: AuthorityStore, place: ClusterPaths) -> None:
    rotation(store)
    keys = list(place.pki.rglob("*.key"))
    assert (
        len(keys) == 3
    )  # root and issuing, and the issuing one of the old authority, for its revocation list
    for key in keys:
        assert "PRIVATE KEY" not in key.read_text()
    assert not [file for file in place.pki.rglob("*") if file.is_file() and b"PRIVATE" in file.read_bytes()]


def test_a_key_that_was_moved_to_another_place_does_not_open(
    store: AuthorityStore, place: ClusterPaths
) -> None:
    store.ensure(HOSTS, NOW)
    directory = place.pki / "brokers"
    (directory / "issuing.key").write_bytes((directory / "root.key").read_bytes())
    with pytest.raises(Unsealable, match="does not belong"):
        store.ensure(HOSTS, NOW)


def test_keys_from_before_they_were_sealed_are_sealed_and_go_on(
    store: AuthorityStore, place: ClusterPaths
) -> None:
    before = store.ensure(HOSTS, NOW)
    plain = before.current.issuing.key_pem
    (place.pki / "brokers" / "issuing.key").write_text(plain)
    assert certificates(store.ensure(HOSTS, NOW)) == certificates(before)
    assert "PRIVATE KEY" not in (place.pki / "brokers" / "issuing.key").read_text()


def test_somebody_elses_authority_issues_after_the_switch_with_its_chain(store: AuthorityStore) -> None:
    store.ensure(HOSTS, NOW)
    company = pki.create_hierarchy(Purpose.BROKERS, "company", HOSTS, NOW)
    assert isinstance(company.root, KeyPair)
    key = rsa.generate_private_key(65537, 2048)
    issuing = pki.create_issuing(Purpose.BROKERS, company.root, HOSTS, NOW, key)
    foreign = Hierarchy(Purpose.BROKERS, ForeignRoot(company.root.certificate), issuing)
    store.begin(foreign, HOSTS, NOW)
    done = store.switch(HOSTS, NOW)
    assert done.current.path == foreign.path
    assert done.current.root.certificate == foreign.root.certificate
    assert done.current.external
    leaf = pki.issue(done.current, "broker-1", HOSTS, NOW)
    assert signed_by(leaf.certificate, issuing.certificate)
    assert leaf.key_pem.startswith("-----BEGIN PRIVATE KEY")
    # Back to one of our own: the foreign one has no key that could be lost.
    dropped(store)
    store.begin(store.new_hierarchy(HOSTS, NOW), HOSTS, NOW)
    assert not store.switch(HOSTS, NOW).current.external


def test_a_revocation_list_is_the_authoritys_and_says_when_the_next_comes(store: AuthorityStore) -> None:
    issuing = store.ensure(HOSTS, NOW).current.issuing
    revoked = [pki.Revocation(5, NOW, x509.ReasonFlags.key_compromise), pki.Revocation(7, NOW)]
    found = pki.revocation_list(issuing, revoked, 3, NOW)
    assert found.is_signature_valid(issuing.key.public_key())
    assert found.next_update_utc is not None
    assert (found.next_update_utc - NOW).days == 7
    assert [each.serial_number for each in found] == [5, 7]
    assert found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 3
    assert found.public_bytes(serialization.Encoding.PEM)


def test_a_new_sealing_key_reseals_every_key_in_each_phase_and_the_old_one_opens_none(
    store: AuthorityStore, place: ClusterPaths
) -> None:
    file = place.data.secret(sealing.KEY_FILE)
    store.request_key()
    store.ensure(HOSTS, NOW)
    store.begin(store.new_hierarchy(HOSTS, NOW), HOSTS, NOW)
    old = sealing.load(file)
    write_private(file, old.with_new())
    fresh = AuthorityStore(place, SPEC, Purpose.BROKERS)
    assert fresh.reseal() == 5
    assert fresh.reseal() == 0
    write_private(file, sealing.load(file).text(only_current=True))
    alone = AuthorityStore(place, SPEC, Purpose.BROKERS)
    assert alone.ensure(HOSTS, NOW).following is not None
    alone.request_key()
    with pytest.raises(Unsealable):
        AuthorityStore.__dict__["_pair"](store, "", "issuing")
