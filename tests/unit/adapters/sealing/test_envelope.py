"""Envelopes open in their own place, whole, and under a key that is there."""

import base64
import contextlib
import itertools
import secrets
from pathlib import Path

import pytest

from tidegate.adapters.sealing.envelope import EnvelopeSealer, kek_id_of
from tidegate.adapters.sealing.keys import FILE, VARIABLE, KeyFile, open_keyring
from tidegate.ports import Sealer, Unsealable

CANARY = b"sk-ant-canary-0123456789"


@pytest.fixture
def sealer(tmp_path: Path) -> EnvelopeSealer:
    return EnvelopeSealer(open_keyring({}, tmp_path, ()))


def test_it_is_the_port(sealer: EnvelopeSealer) -> None:
    port: Sealer = sealer
    sealed = port.seal("credential", "acme", "cred_1", CANARY, version=3)
    assert port.open("credential", "acme", "cred_1", sealed, version=3) == CANARY
    assert CANARY not in sealed
    assert kek_id_of(sealed) == sealer.kek_id


@pytest.mark.parametrize("plaintext", [b"", b"\0", CANARY * 10_000])
def test_any_bytes_come_back(sealer: EnvelopeSealer, plaintext: bytes) -> None:
    assert sealer.open("p", "t", "i", sealer.seal("p", "t", "i", plaintext)) == plaintext


def test_no_two_envelopes_share_a_nonce_or_a_key(sealer: EnvelopeSealer) -> None:
    sealed = [sealer.seal("p", "t", "i", CANARY) for _ in range(200)]
    for part in (slice(9, 21), slice(21, 69), slice(69, 81), slice(81, None)):
        assert len({envelope[part] for envelope in sealed}) == len(sealed)


PLACES = [
    (purpose, tenant, id, version)
    for purpose in ("credential", "response", "")
    for tenant in ("acme", "zeta", "acme/cred_1", "")
    for id in ("cred_1", "cred_2", "1")
    for version in (1, 2, 11)
]


def test_an_envelope_opens_in_no_other_place(sealer: EnvelopeSealer) -> None:
    sealed = {place: sealer.seal(place[0], place[1], place[2], CANARY, version=place[3]) for place in PLACES}
    opened: list[object] = []
    for (place, envelope), other in itertools.product(sealed.items(), PLACES):
        if place != other:
            with contextlib.suppress(Unsealable):
                opened.append((place, other, sealer.open(other[0], other[1], other[2], envelope, version=other[3])))
    assert opened == []


def test_every_changed_byte_is_noticed(sealer: EnvelopeSealer) -> None:
    sealed = sealer.seal("p", "t", "i", CANARY)
    for place in range(len(sealed)):
        for bit in (1, 0x80):
            changed = sealed[:place] + bytes([sealed[place] ^ bit]) + sealed[place + 1 :]
            with pytest.raises(Unsealable):
                sealer.open("p", "t", "i", changed)
    for length in range(len(sealed)):
        with pytest.raises(Unsealable):
            sealer.open("p", "t", "i", sealed[:length])
    with pytest.raises(Unsealable):
        sealer.open("p", "t", "i", sealed + b"\0")


def test_halves_of_two_envelopes_are_none(sealer: EnvelopeSealer) -> None:
    one, two = sealer.seal("p", "t", "i", CANARY), sealer.seal("p", "t", "j", CANARY)
    with pytest.raises(Unsealable):
        sealer.open("p", "t", "i", one[:69] + two[69:])
    with pytest.raises(Unsealable):
        sealer.open("p", "t", "i", two[:69] + one[69:])


def test_another_key_opens_nothing(sealer: EnvelopeSealer, tmp_path: Path) -> None:
    other = EnvelopeSealer(open_keyring({VARIABLE: base64.b64encode(secrets.token_bytes(32)).decode()}, tmp_path, ()))
    with pytest.raises(Unsealable, match=f"the key {sealer.kek_id}"):
        other.open("p", "t", "i", sealer.seal("p", "t", "i", CANARY))


def test_rewrapping_changes_the_key_and_keeps_the_ciphertext(sealer: EnvelopeSealer, tmp_path: Path) -> None:
    sealed = sealer.seal("p", "t", "i", CANARY)
    old = sealer.kek_id
    assert sealer.rewrap("p", "t", "i", sealed) is sealed
    KeyFile(tmp_path).add()
    newer = EnvelopeSealer(open_keyring({}, tmp_path, (sealer.kek_id,)))
    again = newer.rewrap("p", "t", "i", sealed)
    assert again[69:] == sealed[69:]
    assert kek_id_of(again) == newer.kek_id == sealer.kek_id != old
    # The running process has not restarted since the key was added.
    assert sealer.open("p", "t", "i", again) == CANARY
    KeyFile(tmp_path).retire(kek_id_of(sealed))
    last = EnvelopeSealer(open_keyring({}, tmp_path, (newer.kek_id,)))
    assert last.open("p", "t", "i", again) == CANARY
    with pytest.raises(Unsealable):
        last.open("p", "t", "i", sealed)
    with pytest.raises(Unsealable):
        newer.rewrap("p", "u", "i", sealed)


def test_nothing_in_clear_is_left_behind(sealer: EnvelopeSealer, tmp_path: Path) -> None:
    sealer.seal("p", "t", "i", CANARY)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    assert CANARY not in (tmp_path / FILE).read_bytes()
