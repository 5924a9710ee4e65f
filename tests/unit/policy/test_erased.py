from tidegate.policy.erased import END_USER, USER, Erased, Stand, mark_of

SECRET = b"s" * 32
ERASED = Erased(
    SECRET,
    {mark_of(SECRET, "a", USER, "user_1"): Stand("erased_1", None), mark_of(SECRET, "a", END_USER, "alice"): Stand("erased_2", 100)},
)


def test_a_user_is_erased_for_ever_and_an_end_user_until_then() -> None:
    assert ERASED
    assert ERASED.pseudonym("a", USER, "user_1", 1 << 60) == "erased_1"
    assert ERASED.pseudonym("a", END_USER, "alice", 100) == "erased_2"
    assert ERASED.pseudonym("a", END_USER, "alice", 101) is None


def test_it_is_the_one_of_that_organisation_and_kind() -> None:
    assert ERASED.pseudonym("b", USER, "user_1", 1) is None
    assert ERASED.pseudonym("a", END_USER, "user_1", 1) is None
    assert ERASED.pseudonym("a", USER, "", 1) is None
    assert not Erased(SECRET, {})


def test_a_mark_tells_nothing_without_the_secret() -> None:
    assert mark_of(SECRET, "a", USER, "user_1") != mark_of(b"t" * 32, "a", USER, "user_1")
    assert mark_of(SECRET, "ab", USER, "c") != mark_of(SECRET, "a", USER, "bc")
    assert "user_1" not in mark_of(SECRET, "a", USER, "user_1")
    assert mark_of(SECRET, "a", END_USER, "half \ud800") == mark_of(SECRET, "a", END_USER, "half ?")
