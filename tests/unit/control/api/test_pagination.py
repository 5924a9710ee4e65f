"""Cursors are good for the list they were given out for, and for nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.control.api.pagination import open_cursor, seal
from tidegate.control.api.problem import Problem

SECRET = b"s" * 32


@given(place=st.text(st.characters(exclude_categories=["Cs"]), min_size=1), name=st.text(st.characters(exclude_categories=["Cs"])))
def test_a_cursor_opens_for_its_own_list(place: str, name: str) -> None:
    assert open_cursor(SECRET, name, seal(SECRET, name, place)) == place


@pytest.mark.parametrize(("secret", "name"), [(SECRET, "b/keys/{}"), (SECRET, 'a/keys/{"env":"adm"}'), (b"t" * 32, "a/keys/{}")])
def test_a_cursor_opens_for_no_other(secret: bytes, name: str) -> None:
    cursor = seal(SECRET, "a/keys/{}", "[1]")
    with pytest.raises(Problem):
        open_cursor(secret, name, cursor)


@given(text=st.text(max_size=60))
def test_what_was_not_given_out_is_refused(text: str) -> None:
    with pytest.raises(Problem):
        open_cursor(SECRET, "a/keys/{}", text)


def test_every_changed_character_is_seen() -> None:
    cursor = seal(SECRET, "a/keys/{}", "[1700000000000000,1]")
    for at, was in enumerate(cursor[:-1]):
        changed = cursor[:at] + ("A" if was != "A" else "B") + cursor[at + 1 :]
        with pytest.raises(Problem):
            open_cursor(SECRET, "a/keys/{}", changed)
