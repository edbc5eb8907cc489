"""Secrets at rest: what goes in comes out, only where it belongs, and keys can be rotated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.core.secrets import Keyring, SecretUnreadable, context_for, new_key

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
