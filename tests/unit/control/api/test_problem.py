"""Refusals name the field by its path, in the client's words."""

import json
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
import pytest

from tidegate.control.api.fields import Email, Id, Name
from tidegate.control.api.key_fields import KeyEdit, NewKey, OwnerKind
from tidegate.control.api.orgs import OrgId
from tidegate.control.api.problem import FieldError, invalid, not_found, of_validation, unauthenticated
from tidegate.control.api.routes import ROUTES
from tidegate.control.desired import Reference


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    n: int = 0


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    inner: Inner
    many: list[Inner] = []
    named: dict[str, int] = {}


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("{}", "inner"),
        ('{"inner": 1}', "inner"),
        ('{"inner": {"n": "x"}}', "inner.n"),
        ('{"inner": {"m": 1}}', "inner.m"),
        ('{"inner": {}, "more": 1}', "more"),
        ('{"inner": {}, "many": [{}, {"n": null}]}', "many[1].n"),
        ('{"inner": {}, "many": [{}, {"z": null}]}', "many[1].z"),
        ('{"inner": {}, "named": {"a": "b"}}', "named[...]"),
        ("[]", ""),
    ],
)
def test_the_path_of_a_mistake(text: str, field: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(text, type=Outer)
    problem = of_validation(caught.value, Outer)
    assert problem.status == HTTPStatus.BAD_REQUEST
    assert [error.field for error in problem.errors] == [field]
    assert problem.errors[0].message
    assert "$" not in problem.errors[0].message


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        (Id, "a b", "it is to be an id: letters, digits, `_` and `-`"),
        (Email, "nobody", "it is to be an e-mail address, like `name@example.com`"),
        (Name, "a\u0001", "it is to be a text of one line, without control characters"),
        (OrgId, "Harbour_1", "it is to be 1 to 40 small letters, digits and dashes, with no dash at either end"),
        (Reference, "the value", "it is to be where a value is read from: `env:NAME` or `file:/path`"),
        (Annotated[str, msgspec.Meta(pattern="^it's$")], "x", "it is to be a text of another form"),
    ],
)
def test_a_text_of_another_form_is_told_what_is_allowed(kind: Any, text: str, words: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert([text], list[kind])
    (error,) = of_validation(caught.value, list[kind]).errors
    assert error.field == "[0]"
    assert error.message.startswith(words)
    assert "regex" not in error.message


@pytest.mark.parametrize(
    ("kind", "sent", "field", "words"),
    [
        (NewKey, {"name": "a", "env": "prod"}, "env", ("'prod'", "one of adm, live, svc, test")),
        (KeyEdit, {"priority": "high"}, "priority", ("'high'", "one of background, batch, interactive")),
        (
            NewKey,
            {"name": "a", "times": [{"days": ["mon", "monday"], "from": "08:00", "to": "09:00"}]},
            "times[0].days[1]",
            ("'monday'", "thu, tue"),
        ),
        (dict[str, OwnerKind], {"a": "nobody"}, "[...]", ("'nobody'", "org, service_account, team, user")),
    ],
)
def test_a_word_that_is_not_possible_is_told_which_are(kind: Any, sent: Any, field: str, words: tuple[str, ...]) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(sent, kind)
    (error,) = of_validation(caught.value, kind).errors
    assert error.field == field
    assert all(word in error.message for word in words)


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"inner": {"m": 1}}, "there is no such field: there are n"),
        ({"inner": {}, "more": 1}, "there is no such field: there are inner, many, named"),
        ({"inner": {}, "many": [{"z": 1}]}, "there is no such field: there are n"),
    ],
)
def test_a_field_that_is_not_there_is_told_which_are(sent: Any, message: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(sent, Outer)
    assert [error.message for error in of_validation(caught.value, Outer).errors] == [message]


def test_the_words_of_every_request_are_told() -> None:
    seen = 0
    for route in ROUTES:
        for field in msgspec.structs.fields(route.asked):
            try:
                msgspec.convert({field.encode_name: "no-such-word"}, route.asked, strict=False)
            except msgspec.ValidationError as error:
                if "enum" in str(error):
                    assert "must be one of" in of_validation(error, route.asked).detail, (route.name, field.name)
                    seen += 1
    assert seen > 20


def test_the_document() -> None:
    body = json.loads(invalid(FieldError("a", "it is wrong"), FieldError("", "all of it")).body("r1"))
    assert body == {
        "type": "urn:tidegate:problem:invalid",
        "title": "Bad Request",
        "status": 400,
        "detail": "a: it is wrong; all of it",
        "request_id": "r1",
        "errors": [{"field": "a", "message": "it is wrong"}, {"field": "", "message": "all of it"}],
    }
    assert json.loads(not_found().body("r2"))["type"] == "urn:tidegate:problem:not-found"
    assert unauthenticated("no").headers["www-authenticate"].startswith("Bearer ")
