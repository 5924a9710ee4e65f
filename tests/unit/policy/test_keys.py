import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.policy import keys
from tidegate.policy.keys import StoredKey, checksum, flaw, format_token, token_digest, token_id

ID, SECRET = "4fGh71kLmN0p", "a" * 43
BASE62 = st.text(keys.ALPHABET, min_size=12, max_size=12)


def test_a_token_has_the_published_form() -> None:
    token = format_token("live", ID, SECRET)
    assert token.startswith(f"tgk_live_{ID}_{SECRET}")
    assert re.fullmatch(keys.PATTERN, token)
    assert token_id(token) == ID
    assert flaw(token) is None


def test_the_checksum_is_crc32_in_base_62() -> None:
    # CRC-32 of "123456789" is 0xCBF43926 in every description of it.
    number = 0
    for digit in checksum("123456789"):
        number = number * 62 + keys.ALPHABET.index(digit)
    assert number == 0xCBF43926
    assert checksum("") == "000000"


@given(st.sampled_from(["live", "test"]), BASE62, st.integers(0, 68), st.sampled_from(keys.ALPHABET))
def test_one_wrong_character_is_noticed(env: keys.KeyEnv, public: str, place: int, character: str) -> None:
    token = format_token(env, public, SECRET)
    at = min(place + len("tgk_live_"), len(token) - 1)
    changed = token[:at] + character + token[at + 1 :]
    assert (token_id(changed) is None) == (changed != token)


@pytest.mark.parametrize(
    ("token", "word"),
    [
        ("sk-abc", "does not begin"),
        ("tgk_live_short", "14 characters"),
        (format_token("live", ID, SECRET) + "x", "72 characters"),
        (format_token("live", ID, SECRET)[:-1] + "_", "its form"),
        (format_token("live", ID, SECRET)[:-1] + "~", "its form"),
        (format_token("live", ID, SECRET).replace("aa", "bb"), "checksum"),
    ],
)
def test_a_flaw_is_named_and_the_token_is_not_repeated(token: str, word: str) -> None:
    found = flaw(token)
    assert found is not None
    assert word in found
    assert SECRET not in found
    assert "short" not in found


@pytest.mark.parametrize(("public", "secret"), [("short", SECRET), (ID, "short")])
def test_parts_have_fixed_lengths(public: str, secret: str) -> None:
    with pytest.raises(ValueError, match="12 characters"):
        format_token("live", public, secret)


def test_the_digest_depends_on_pepper_and_token() -> None:
    assert len({token_digest(p, t) for p in (b"a" * 32, b"b" * 32) for t in ("x", "y")}) == 4
    assert len(token_digest(b"a" * 32, "x")) == 32


def test_a_stored_key_becomes_a_key() -> None:
    stored = StoredKey(id=ID, name="n", env="live", digest=b"d", models=("a",), created=1)
    assert (stored.key().id, stored.key().name, stored.key().digest, stored.key().models) == (ID, "n", b"d", ("a",))
