"""Envelopes: what is packed comes out, what is damaged goes nowhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.dialects.signature import PREFIX, pack, unpack
from tidegate.ir.content import Origin


@given(st.builds(Origin, st.text(), st.text(), st.text()), st.none() | st.text())
def test_what_is_packed_comes_out(origin: Origin, signature: str | None) -> None:
    packed = pack(origin, signature)
    assert packed.startswith(PREFIX)
    assert set(packed[len(PREFIX) :]) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert unpack(packed) == (origin, signature)


def test_without_an_origin_it_is_accepted_nowhere() -> None:
    opened = unpack(pack(None, "s"))
    assert opened is not None
    assert opened == (Origin(""), "s")
    assert not opened[0].accepts("anthropic", "p")


@pytest.mark.parametrize("text", ["", "EqQBCkgIBhAB", "tidegate2.abc", "Tidegate1.abc"])
def test_other_signatures_are_no_envelopes(text: str) -> None:
    assert unpack(text) is None


@pytest.mark.parametrize("rest", ["", "!!!", "e30", "W10", "AAAA", "ü", "eyJkIjo1fQ"])
def test_a_damaged_envelope_comes_from_nowhere(rest: str) -> None:
    assert unpack(PREFIX + rest) == (Origin(""), None)


@given(st.text())
def test_nothing_makes_it_raise(text: str) -> None:
    assert unpack(PREFIX + text) is not None
