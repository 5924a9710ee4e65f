"""The admin key of a request, before any look-up; and what a secret shows of itself."""

import pickle
from typing import Any

import pytest

from tidegate.control.api.identify import Peppers, bearer, ended
from tidegate.control.api.problem import Problem
from tidegate.records import ApiKey

NOW = 1_000


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic tgk_adm_x", "tgk_adm_x", "Bearer tgk_live_x", "bearer tgk_svc_x"])
def test_what_is_no_admin_key(header: str | None) -> None:
    with pytest.raises(Problem) as caught:
        bearer(header)
    assert "tgk_live_x" not in caught.value.detail


def test_the_scheme_is_of_any_case() -> None:
    assert bearer("bearer  tgk_adm_x ") == "tgk_adm_x"


@pytest.mark.parametrize(
    ("fields", "over"),
    [
        ({}, False),
        ({"revoked_at": 1}, True),
        ({"disabled_at": 1}, True),
        ({"expires_at": NOW}, True),
        ({"expires_at": NOW + 1}, False),
        ({"overlap_until": NOW}, True),
        ({"overlap_until": NOW + 1}, False),
    ],
)
def test_when_a_key_has_ended(fields: dict[str, Any], over: bool) -> None:
    assert (ended(ApiKey(id="i", name="n", **fields), NOW) is not None) is over


def test_peppers_show_nothing() -> None:
    peppers = Peppers(2, {1: b"old", 2: b"new"})
    assert (peppers.secret, peppers.of(1), peppers.of(3)) == (b"new", b"old", None)
    assert "new" not in repr(peppers) + str(peppers)
    with pytest.raises(TypeError):
        pickle.dumps(peppers)
