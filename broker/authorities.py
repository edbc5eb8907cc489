"""The certificate authorities of one bundled cluster on disk, and the three phases in which a key is replaced.

    pki/<purpose>/root.pem root.key issuing.pem issuing.key [between.pem]    what issues now
    pki/<purpose>/next/…the same                                             trusted already, issues after the switch
    pki/<purpose>/old/root.pem issuing.pem issuing.key [ours]                trusted until it is dropped, signs its CRL
    pki/<purpose>/{next,old}/leaving                                         no file trusts it any more, a peer may
    pki/<purpose>/trusted.pem                                                every root that peers must accept now

Keys are sealed with the installation's key, bound to cluster, purpose and file: no file here can be used elsewhere.
Which phase a rotation is in follows from the files that exist, so a crash leaves either phase, never another:

1. `begin` writes `next/` under another name and renames it: trust new.
2. `switch` moves the present root to `old/`, then `next/` into place: issue from the new one.
3. `drop` takes the old root out of what peers must accept; `forget`, once no peer accepts it, removes `old/`.

Back from 1: `abandon` takes the next root out of what peers must accept, and `forget` removes `next/`.
Invariant: an authority that some peer may accept is known here, so that it can be named, probed and let go again.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from broker import pki, sealing
from broker.paths import ClusterPaths, private_directory, write_if_changed, write_private
from broker.pki import ForeignRoot, Hierarchy, KeyPair, PkiError, PrivateKey, Purpose
from broker.spec import ClusterSpec


class Phase(StrEnum):
    """Where the replacement of an authority's key stands."""

    NONE = "none"
    TRUST_NEW = "trust_new"
    ABANDONING = "abandoning"
    SWITCHED = "switched"
    DROPPING = "dropping"


#: In the directory of an authority that is on its way out.
LEAVING = "leaving"
#: In `old/`: its root's key was here until the switch, so it is no company's.
OURS = "ours"


@dataclass(frozen=True)
class Authorities:
    """Everything of one purpose. `old`: trusted still, though nothing but its revocation list is signed by it.
    `let_go`: the next or the old one is on its way out, and peers that have not followed yet accept it."""

    current: Hierarchy
    following: Hierarchy | None = None
    old: Hierarchy | None = None
    let_go: bool = False

    @property
    def phase(self) -> Phase:
        if self.following is not None:
            return Phase.ABANDONING if self.let_go else Phase.TRUST_NEW
        if self.old is not None:
            return Phase.DROPPING if self.let_go else Phase.SWITCHED
        return Phase.NONE

    @property
    def leaving(self) -> Hierarchy | None:
        return (self.following or self.old) if self.let_go else None

    @property
    def roots(self) -> tuple[x509.Certificate, ...]:
        """What peers must accept."""
        gone = self.leaving
        return tuple(each.root.certificate for each in self._known if each is not gone)

    @property
    def known_roots(self) -> tuple[x509.Certificate, ...]:
        """What some peer may accept, too."""
        return tuple(each.root.certificate for each in self._known)

    @property
    def trusted_pem(self) -> str:
        return "".join(pki.certificate_pem(root) for root in self.roots)

    @property
    def _known(self) -> tuple[Hierarchy, ...]:
        return tuple(each for each in (self.current, self.following, self.old) if each is not None)


class AuthorityStore:
    """The files of one cluster and purpose. Writers hold the lock, so that `up` and a worker never interleave."""

    def __init__(self, paths: ClusterPaths, spec: ClusterSpec, purpose: Purpose) -> None:
        self._directory = paths.pki / purpose
        self._lock_file = paths.pki / f".{purpose}.lock"
        self._ring = sealing.load(paths.data.secret(sealing.KEY_FILE))
        self._spec = spec
        self.purpose = purpose

    @property
    def trusted(self) -> Path:
        return self._directory / "trusted.pem"

    def ensure(self, hosts: Collection[str], now: datetime) -> Authorities:
        """Made at first use; the issuing certificate is renewed, with its key, when its time comes."""
        with self._locked():
            if not (self._directory / "root.pem").is_file():
                self._save(self._directory, self.new_hierarchy(hosts, now))
            found = self._load(hosts, now)
            write_if_changed(self.trusted, found.trusted_pem)
            return found

    def new_hierarchy(self, hosts: Collection[str], now: datetime) -> Hierarchy:
        """Named so that two generations differ: during a rotation a truststore holds both roots."""
        label = f"{self._spec.name[:24]} {self._spec.cluster_id[:6]} {secrets.token_hex(2)}"
        return pki.create_hierarchy(self.purpose, label, hosts, now)

    def begin(self, hierarchy: Hierarchy, hosts: Collection[str], now: datetime) -> Authorities:
        """Phase 1. One rotation at a time; the new root must be another one."""
        with self._locked():
            found = self._load(hosts, now)
            if found.phase is not Phase.NONE:
                raise PkiError(
                    f"the authority for {self.purpose} is being replaced already",
                    "Finish or abandon that first.",
                )
            if hierarchy.root.certificate == found.current.root.certificate:
                raise PkiError("this is the present authority already", "Give another one.")
            draft = self._directory / ".next"
            shutil.rmtree(draft, ignore_errors=True)
            self._save(draft, hierarchy, place="next")
            draft.rename(self._directory / "next")
            return self._written(hosts, now)

    def request_key(self) -> PrivateKey:
        """The key of a request that is signed elsewhere: it waits here, sealed, for the answer."""
        key, context = self._directory / "pending.key", self._context("pending.key")
        with self._locked():
            if not key.is_file():
                write_private(key, self._ring.encrypt(pki.key_pem(pki.new_key()), context))
            return pki.load_key(self._ring.decrypt(key.read_text(), context))

    def forget_request(self) -> None:
        (self._directory / "pending.key").unlink(missing_ok=True)

    def abandon(self, hosts: Collection[str], now: datetime) -> Authorities:
        """Back from phase 1: nothing has been issued under the new authority yet. It is forgotten once nobody trusts it."""
        with self._locked():
            if self._load(hosts, now).phase is not Phase.TRUST_NEW:
                raise PkiError(
                    "only a rotation that has not switched yet can be abandoned",
                    "After the switch the way is forward: finish it, or rotate again.",
                )
            write_private(self._directory / "next" / LEAVING, "")
            return self._written(hosts, now)

    def switch(self, hosts: Collection[str], now: datetime) -> Authorities:
        """Phase 2."""
        with self._locked():
            if self._load(hosts, now).phase is not Phase.TRUST_NEW:
                raise PkiError("no new authority is waiting", "Begin a rotation first.")
            self._keep_old()
            self._complete_switch()
            return self._written(hosts, now)

    def drop(self, hosts: Collection[str], now: datetime) -> Authorities:
        """Phase 3. The caller has made sure that nobody needs the old root any more."""
        with self._locked():
            if self._load(hosts, now).phase is not Phase.SWITCHED:
                raise PkiError("no old authority is waiting to be dropped")
            write_private(self._directory / "old" / LEAVING, "")
            return self._written(hosts, now)

    def forget(self, hosts: Collection[str], now: datetime) -> Authorities:
        """The end of `drop` and `abandon`. The caller has seen that no peer accepts the authority that leaves."""
        with self._locked():
            phase = self._load(hosts, now).phase
            if phase not in (Phase.ABANDONING, Phase.DROPPING):
                raise PkiError("no authority is on its way out")
            _remove(self._directory / ("old" if phase is Phase.DROPPING else "next"))
            return self._written(hosts, now)

    def _written(self, hosts: Collection[str], now: datetime) -> Authorities:
        found = self._load(hosts, now)
        write_if_changed(self.trusted, found.trusted_pem)
        return found

    def _keep_old(self) -> None:
        """The present authority as the old one; its root's certificate comes last, and begins the switch."""
        old = self._directory / "old"
        write_private(
            old / "issuing.key",
            self._moved(self._directory / "issuing.key", "issuing.key", "old/issuing.key"),
        )
        if (self._directory / "root.key").is_file():
            write_private(old / OURS, "")
        for name in ("between.pem", "issuing.pem", "root.pem"):
            if (self._directory / name).is_file():
                write_private(old / name, (self._directory / name).read_text())

    def _complete_switch(self) -> None:
        """From `old/` and `next/` both being there (a crash may have come between) to the new authority in place."""
        following = self._directory / "next"
        if not (following.is_dir() and (self._directory / "old" / "root.pem").is_file()):
            return
        (self._directory / "between.pem").unlink(missing_ok=True)
        for name in ("root.key", "issuing.key", "between.pem", "issuing.pem", "root.pem"):
            source = following / name
            if source.is_file():
                is_key = name.endswith(".key")
                text = self._moved(source, f"next/{name}", name) if is_key else source.read_text()
                write_private(self._directory / name, text)
            elif name == "root.key":
                (self._directory / name).unlink(missing_ok=True)
        _remove(following)

    def _moved(self, source: Path, before: str, after: str) -> str:
        """A key sealed anew for its new place."""
        text = self._ring.decrypt(source.read_text(), self._context(before))
        return self._ring.encrypt(text, self._context(after))

    def _load(self, hosts: Collection[str], now: datetime) -> Authorities:
        current = self._hierarchy("", hosts, now)
        following = self._hierarchy("next", hosts, now) if (self._directory / "next").is_dir() else None
        let_go = any((self._directory / place / LEAVING).is_file() for place in ("next", "old"))
        return Authorities(current, following, self._old(), let_go)

    def _old(self) -> Hierarchy | None:
        """As it was: nothing in it is renewed, and it may end while it waits to be dropped."""
        root, issuing = self._directory / "old" / "root.pem", self._pair("old", "issuing")
        if not root.is_file() or issuing is None:
            return None
        foreign = ForeignRoot(x509.load_pem_x509_certificate(root.read_bytes()))
        ours = (self._directory / "old" / OURS).is_file()
        return Hierarchy(self.purpose, foreign, issuing, self._between("old"), key_was_here=ours)

    def _between(self, place: str) -> tuple[x509.Certificate, ...]:
        file = self._directory / place / "between.pem"
        return tuple(x509.load_pem_x509_certificates(file.read_bytes())) if file.is_file() else ()

    def _hierarchy(self, place: str, hosts: Collection[str], now: datetime) -> Hierarchy:
        directory = self._directory / place
        root = self._root(place)
        if root.certificate.not_valid_after_utc <= now:
            raise PkiError(
                f"the {self.purpose} root certificate of cluster {self._spec.name} has expired; "
                "its key must be rotated"
            )
        issuing = self._pair(place, "issuing")
        if isinstance(root, KeyPair) and (issuing is None or not _issuing_serves(issuing, root, hosts, now)):
            issuing = pki.create_issuing(self.purpose, root, hosts, now, issuing.key if issuing else None)
            self._save_pair(directory, place, "issuing", issuing)
        if issuing is None:
            raise PkiError(
                f"the issuing authority for {self.purpose} is missing, and its root has no key here"
            )
        return Hierarchy(self.purpose, root, issuing, self._between(place))

    def _root(self, place: str) -> KeyPair | ForeignRoot:
        """A root without its key file is somebody else's."""
        certificate = self._directory / place / "root.pem"
        pair = self._pair(place, "root")
        return pair or ForeignRoot(x509.load_pem_x509_certificate(certificate.read_bytes()))

    def _pair(self, place: str, name: str) -> KeyPair | None:
        """None when either file is missing; the key is written first, so a crash leaves no certificate without one."""
        directory = self._directory / place
        certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
        if not certificate.is_file() or not key.is_file():
            return None
        return KeyPair.from_pem(certificate.read_text(), self._opened(place, key))

    def reseal(self) -> int:
        """Every key of this store under the newest sealing key; returns how many were not yet."""
        changed = 0
        with self._locked():
            for key in sorted((*self._directory.glob("*.key"), *self._directory.glob("[!.]*/*.key"))):
                place = "" if key.parent == self._directory else f"{key.parent.name}/"
                stored, context = key.read_text(), self._context(f"{place}{key.name}")
                if not stored.startswith("-----BEGIN") and self._ring.needs_rotation(stored):
                    write_private(key, self._ring.rotate(stored, context))
                    changed += 1
        return changed

    def _opened(self, place: str, key: Path) -> str:
        """Keys of data directories from before they were sealed are sealed now."""
        stored, context = key.read_text(), self._context(f"{place}/{key.name}" if place else key.name)
        if not stored.startswith("-----BEGIN"):
            return self._ring.decrypt(stored, context)
        write_private(key, self._ring.encrypt(stored, context))
        return stored

    def _save(self, directory: Path, hierarchy: Hierarchy, *, place: str = "") -> None:
        """The root's certificate comes last: it says that the hierarchy is whole."""
        if hierarchy.between:
            write_private(directory / "between.pem", "".join(map(pki.certificate_pem, hierarchy.between)))
        self._save_pair(directory, place, "issuing", hierarchy.issuing)
        if isinstance(hierarchy.root, KeyPair):
            self._save_pair(directory, place, "root", hierarchy.root)
        else:
            write_private(directory / "root.pem", hierarchy.root.certificate_pem)

    def _save_pair(self, directory: Path, place: str, name: str, pair: KeyPair) -> None:
        context = self._context(f"{place}/{name}.key" if place else f"{name}.key")
        write_private(directory / f"{name}.key", self._ring.encrypt(pair.key_pem, context))
        write_private(directory / f"{name}.pem", pair.certificate_pem)

    def _context(self, file: str) -> str:
        return f"pki:{self._spec.cluster_id}:{self.purpose}:{file}"

    @contextmanager
    def _locked(self) -> Generator[None]:
        """The store for one writer, whole: a switch that a crash interrupted is completed first."""
        private_directory(self._lock_file.parent)
        descriptor = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            self._complete_switch()
            yield
        finally:
            os.close(descriptor)


def _issuing_serves(issuing: KeyPair, root: KeyPair, hosts: Collection[str], now: datetime) -> bool:
    certificate = issuing.certificate
    return (
        not pki.renewal_due(certificate, now)
        and pki.permits(certificate, hosts)
        and signed_by(certificate, root.certificate)
    )


def signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _remove(directory: Path) -> None:
    """Out of sight in one step, then gone: half a directory would read as another phase."""
    hidden = directory.with_name(f".gone-{directory.name}")
    shutil.rmtree(hidden, ignore_errors=True)
    directory.rename(hidden)
    shutil.rmtree(hidden)
