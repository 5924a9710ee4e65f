"""Refusals of the control API as RFC 9457 problem documents. Raised anywhere below `app`, written by it alone."""

import re
from http import HTTPStatus

import msgspec

from tidegate.control import forms
from tidegate.control.api.allowed import allowed, fields

CONTENT_TYPE = "application/problem+json"

_PATH = re.compile(r"^(?P<why>.*?)(?: - at `(?:key in )?\$(?P<path>[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"unknown field `(?P<name>[^`]*)`")
_MISSING = re.compile(r"^Object missing required field `(?P<name>[^`]*)`$")
_NO_SUCH_WORD = re.compile(r"^Invalid enum value (?P<sent>.*)$", re.DOTALL)
_FORM = re.compile(r"^Expected `str` matching regex ")
_BY_TOLD = {repr(form): words for form, words in forms.WORDS.items()}
"""As msgspec tells a pattern: in Python's quotes."""
_OF_NO_WORDS = "a text of another form, which the API's document says"


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field; `field` is its path, like `models[0]`, empty for the whole."""

    field: str
    message: str


class Document(msgspec.Struct, frozen=True, kw_only=True, rename={"kind": "type"}, omit_defaults=True):
    """The body of every refusal. `type` is a name that stays; `detail` is for people and may change."""

    kind: str
    title: str
    status: int
    detail: str = ""
    request_id: str = ""
    errors: list[FieldError] = []


class Problem(Exception):
    """A refusal. `kind` is the last part of its `type`; `headers` go with the answer."""

    def __init__(
        self, status: HTTPStatus, kind: str, detail: str, *, errors: tuple[FieldError, ...] = (), headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}

    def body(self, request_id: str) -> bytes:
        document = Document(
            kind=f"urn:tidegate:problem:{self.kind}",
            title=self.status.phrase,
            status=self.status,
            detail=self.detail,
            request_id=request_id,
            errors=list(self.errors),
        )
        return msgspec.json.encode(document)


def unavailable() -> Problem:
    detail = "The database cannot be reached now. Nothing was changed; try again."
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "storage-unavailable", detail, headers={"retry-after": "2"})


def not_found() -> Problem:
    """Also for what is there and is another's: the two cannot be told apart."""
    return Problem(HTTPStatus.NOT_FOUND, "not-found", "There is nothing here that this key may see.")


def forbidden(detail: str, *, errors: tuple[FieldError, ...] = ()) -> Problem:
    return Problem(HTTPStatus.FORBIDDEN, "forbidden", detail, errors=errors)


def unauthenticated(detail: str) -> Problem:
    headers = {"www-authenticate": 'Bearer realm="tidegate-control"'}
    return Problem(HTTPStatus.UNAUTHORIZED, "unauthenticated", detail, headers=headers)


def invalid(*errors: FieldError) -> Problem:
    detail = "; ".join(f"{error.field}: {error.message}" if error.field else error.message for error in errors)
    return Problem(HTTPStatus.BAD_REQUEST, "invalid", detail, errors=errors)


def invalid_field(field: str, message: str) -> Problem:
    return invalid(FieldError(field, message))


def conflict(detail: str) -> Problem:
    return Problem(HTTPStatus.CONFLICT, "conflict", detail)


def of_validation(error: Exception, kind: type) -> Problem:
    """msgspec's message with its path, as one field's error. It says in words what a pattern allows, and which words
    there are in `kind`, the type that was asked for."""
    found = _PATH.match(str(error))
    why = found["why"] if found else str(error)
    path = ((found["path"] if found else "") or "").removeprefix(".")
    unknown = _UNKNOWN.search(why)
    if unknown:
        known = fields(kind, path)
        path = f"{path}.{unknown['name']}" if path else unknown["name"]
        why = f"there is no such field: there are {', '.join(known)}" if known else "there is no such field"
    missing = _MISSING.match(why)
    if missing:
        path, why = (f"{path}.{missing['name']}" if path else missing["name"]), "it is needed"
    form = _FORM.match(why)
    if form:
        why = f"it is to be {_BY_TOLD.get(why[form.end() :], _OF_NO_WORDS)}"
    wrong = _NO_SUCH_WORD.match(why)
    words = allowed(kind, path) if wrong else []
    if wrong and words:
        why = f"{wrong['sent']} is not possible: it must be one of {', '.join(words)}"
    return invalid_field(path, why)
