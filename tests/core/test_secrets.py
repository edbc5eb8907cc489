"""Secrets at rest: what goes in comes out, only where it belongs, and keys can be rotated."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from controlplane.accounts.adapters import MFA_CONTEXT
from controlplane.accounts.models import User
from controlplane.alerts.models import Receiver
from controlplane.alerts.services.sending import secret_context
from controlplane.core import secrets
from controlplane.core.management.commands import rotate_key
from controlplane.core.secrets import Keyring, Resealed, SecretUnreadable, context_for, new_key

RING = Keyring.parse(new_key())
texts = st.text(max_size=200)


@given(texts, texts)
def test_it_comes_back(text: str, context: str) -> None:
    assert RING.decrypt(RING.encrypt(text, context), context) == text


@given(texts)
def test_two_ciphertexts_of_one_text_differ(text: str) -> None:
    assert RING.encrypt(text, "a") != RING.encrypt(text, "a")


@given(st.text(min_size=8, max_size=100))
def test_the_text_is_not_in_the_ciphertext(text: str) -> None:
    assert text not in RING.encrypt(text, "a")


def test_a_ciphertext_that_was_moved_to_another_row_is_refused() -> None:
    stored = RING.encrypt("seed", context_for("mfa", 1, "secret"))
    with pytest.raises(SecretUnreadable, match="does not belong"):
        RING.decrypt(stored, context_for("mfa", 2, "secret"))


@given(st.data())
def test_a_changed_ciphertext_is_refused(data: st.DataObject) -> None:
    stored = RING.encrypt("seed", "a")
    payload = stored.rpartition(":")[2]
    index = data.draw(st.integers(0, len(payload) - 3))
    other = "A" if payload[index] != "A" else "B"
    with pytest.raises(SecretUnreadable):
        RING.decrypt(stored[: -len(payload)] + payload[:index] + other + payload[index + 1 :], "a")


@pytest.mark.parametrize("stored", ["", "plain", "k1:", "k9:abcd:efgh", "k1:00000000:AAAA"])
def test_nonsense_is_refused_with_what_to_do(stored: str) -> None:
    with pytest.raises(SecretUnreadable):
        RING.decrypt(stored, "a")


def test_rotation_needs_the_old_key_until_it_is_done() -> None:
    old, fresh = new_key(), new_key()
    before = Keyring.parse(old)
    both = Keyring.parse(f"{fresh}\n{old}\n")
    after = Keyring.parse(fresh)
    stored = before.encrypt("seed", "a")
    assert both.needs_rotation(stored)
    rotated = both.rotate(stored, "a")
    assert not both.needs_rotation(rotated)
    assert after.decrypt(rotated, "a") == "seed"
    with pytest.raises(SecretUnreadable, match="needs the key"):
        after.decrypt(stored, "a")
    assert both.rotate(rotated, "a") == rotated


@pytest.mark.parametrize("lines", ["", "\n", "c2hvcnQ="])
def test_a_broken_key_file_is_not_a_keyring(lines: str) -> None:
    with pytest.raises(ValueError):
        Keyring.parse(lines)


# --- Rotation of what is stored ---------------------------------------------------------------------------------------
@pytest.fixture
def key_file(settings: Any, tmp_path: Path) -> Path:
    settings.FIELD_KEYS_FILE = tmp_path / "field-key"
    return tmp_path / "field-key"


@pytest.fixture
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotate_key, "SETTLE_S", 0)
    # Authorities are files of the session's cluster, sealed under the session's own key.
    monkeypatch.setattr(
        secrets, "RESEALERS", [each for each in secrets.RESEALERS if "authority" not in each.__module__]
    )


def receivers(count: int) -> list[Receiver]:
    made = Receiver.objects.bulk_create(
        Receiver(name=f"r{number}", url="https://x.example", created_at=timezone.now())
        for number in range(count)
    )
    for row in made:
        row.secret = secrets.encrypt(f"canary-{row.pk}", context=secret_context(row))
    Receiver.objects.bulk_update(made, ["secret"], batch_size=500)
    return made


def opened(row: Receiver) -> str:
    return secrets.decrypt(Receiver.objects.get(pk=row.pk).secret, context=secret_context(row))


@pytest.mark.django_db
def test_ten_thousand_secrets_are_sealed_anew_and_the_old_key_opens_nothing(
    key_file: Path, no_wait: None
) -> None:
    """WS-10. How long it takes is in bench/RESULTS.md; here it only has to be bounded."""
    made = receivers(10_000)
    totp = Authenticator.objects.create(
        user=User.objects.create_user("ann"),
        type="totp",
        data={"secret": secrets.encrypt("seed", context=MFA_CONTEXT)},
    )
    before = Keyring.parse(key_file.read_text())
    started = time.process_time()
    call_command("rotate_key")
    print(f"10,000 secrets in {time.process_time() - started:.1f} s of CPU")
    assert len(key_file.read_text().split()) == 1
    assert (key_file.stat().st_mode & 0o777) == 0o600
    for row in (made[0], made[4999], made[-1]):
        assert opened(row) == f"canary-{row.pk}"
    totp.refresh_from_db()
    assert secrets.decrypt(totp.data["secret"], context=MFA_CONTEXT) == "seed"
    for stored in (*Receiver.objects.values_list("secret", flat=True), totp.data["secret"]):
        with pytest.raises(SecretUnreadable, match="needs the key"):
            before.decrypt(stored, "any")


@pytest.mark.django_db
def test_a_rotation_that_was_killed_goes_on_and_loses_nothing(key_file: Path, no_wait: None) -> None:
    made = receivers(1200)
    secrets.begin_rotation()
    reseal = secrets.column(Receiver, "secret", secret_context)
    told = Resealed()

    class Killed(BaseException):
        pass

    def dies(row: Receiver) -> str:
        if row.pk == made[700].pk:
            raise Killed
        return secret_context(row)

    with pytest.raises(Killed):
        secrets.column(Receiver, "secret", dies)(secrets.keyring(), told)
    assert [opened(row) for row in made] == [f"canary-{row.pk}" for row in made]
    assert len(key_file.read_text().split()) == 2
    call_command("rotate_key")
    assert len(key_file.read_text().split()) == 1
    assert [opened(row) for row in made] == [f"canary-{row.pk}" for row in made]
    again = Resealed()
    reseal(secrets.keyring(), again)
    assert again.changed == 0


@pytest.mark.django_db
def test_what_can_be_read_under_no_key_keeps_the_old_keys(key_file: Path, no_wait: None) -> None:
    (row,) = receivers(1)
    Receiver.objects.filter(pk=row.pk).update(
        secret=Keyring.parse(new_key()).encrypt("x", secret_context(row))
    )
    with pytest.raises(CommandError, match="1 secrets can be read under no key"):
        call_command("rotate_key")
    assert len(key_file.read_text().split()) == 2
