import msgspec
from tests.unit.policy.limits.values import limit
from tests.unit.policy.values import key, snapshot

from tidegate.policy.charges import Book
from tidegate.policy.limits.rules import Limit
from tidegate.policy.snapshot import Key, Route


def of(kind: str, subject: str = "") -> Limit:
    return limit(id=f"{kind}:{subject}", kind=kind, subject=subject)


def book(*limits: Limit, routes: tuple[Route, ...] = ()) -> Book:
    return Book(msgspec.structs.replace(snapshot(routes=routes), limits=limits))


def caller(**more: object) -> Key:
    return msgspec.structs.replace(key("ci"), **more)


def found(book: Book, key: Key, route: str = "", model: str = "", end_user: str = "") -> list[tuple[str, str, str]]:
    return [(charge.limit.id, charge.subject, charge.whose) for charge in book.charges(key, route, model, end_user)]


def test_everything_that_a_call_falls_under() -> None:
    limits = [of(kind) for kind in ("organisation", "team", "user", "key", "end_user", "route", "model", "tag")]
    mine = caller(org="o", team="t", user="u", tags=("x", "y"), limits=(of("key", "own"),))
    routes = (Route(name="smart", targets=(), limits=(of("route", "own"),)), Route(name="a/*", targets=(), limits=(of("route", "a"),)))
    many = book(*limits, routes=routes)
    assert found(many, mine, "smart", "openai/m", "bob") == [
        ("key:own", "id-ci", "ci"),
        ("route:own", "smart", "smart"),
        ("organisation:", "o", "o"),
        ("team:", "t", "t"),
        ("user:", "u", "u"),
        ("key:", "id-ci", "ci"),
        ("route:", "smart", "smart"),
        ("model:", "openai/m", "openai/m"),
        ("tag:", "o/x", "x"),
        ("tag:", "o/y", "y"),
        ("end_user:", "o/bob", "bob"),
    ]
    assert ("route:a", "a/*", "a/*") in found(many, mine, "a/*")


def test_what_is_not_there_is_not_limited() -> None:
    limits = [of(kind) for kind in ("team", "user", "end_user", "route", "model", "tag")]
    assert found(book(*limits), caller()) == []


def test_limits_that_name_their_subject_hold_for_it_only() -> None:
    many = book(of("key", "ci"), of("key", "id-ci"), of("key", "other"), of("end_user", "bob"), of("model", "a/b"))
    assert [line[0] for line in found(many, caller(), "", "a/b", "bob")] == ["key:ci", "key:id-ci", "model:a/b", "end_user:bob"]
    assert [line[0] for line in found(many, caller(id="x", name="y"), "", "a/c", "eve")] == []


def test_a_key_that_replaced_others_is_limited_as_the_first_of_them() -> None:
    many = book(of("key", "id-first"), of("key", "id-ci"))
    first, second = caller(id="id-first", name="before"), caller(line="id-first", revision=2)
    assert found(many, first) == [("key:id-first", "id-first", "before")]
    assert found(many, second) == [("key:id-first", "id-first", "ci"), ("key:id-ci", "id-first", "ci")]


def test_end_users_of_two_organisations_are_two() -> None:
    each = book(of("end_user"))
    assert found(each, caller(org="a"), end_user="bob") != found(each, caller(org="b", id="z"), end_user="bob")
    assert found(each, caller(), end_user="x" * 1000) == found(each, caller(), end_user="x" * 256)


def test_what_was_worked_out_is_kept() -> None:
    each = book(of("key"))
    assert each.charges(caller(), "r", "m") is each.charges(caller(), "r", "m")
    for number in range(20_000):
        each.charges(caller(), "", str(number))
    assert found(each, caller(), "r", "m") == [("key:", "id-ci", "ci")]
