"""JSON on the wire as the dialects of OpenAI's family read and write it, and lenient looks at what a provider sent."""

import json

import msgspec

from tidegate.ir.json import Json, JsonObject

_DECODER = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()


def parse(body: bytes) -> Json:
    """The JSON value of `body`. Raises `ValueError` for everything that is not one (also bad UTF-8 and nesting without end)."""
    try:
        value: Json = _DECODER.decode(body)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    return value


def parse_answer(body: bytes) -> Json:
    """The same for what a provider said, also where its server wrote what is no JSON and clients read all the same: Python's NaN and
    infinities (they become null), halves of surrogate pairs and bytes that are no UTF-8 (U+FFFD stands for them), control characters in
    texts, a byte order mark."""
    try:
        value: Json = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = body.decode("utf-8-sig", "replace")
        try:
            return _mended(json.loads(text, strict=False, parse_constant=_nothing))
        except RecursionError:
            raise ValueError("the JSON is nested too deeply") from None
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    return value


def object_of(body: bytes) -> JsonObject:
    """The object that such an answer is; an empty one where it is none."""
    try:
        return object_or_empty(parse_answer(body))
    except ValueError:
        return {}


def _nothing(_constant: str) -> None:
    return None


def _mended(value: Json) -> Json:
    if type(value) is str:
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if type(value) is list:
        return [_mended(item) for item in value]
    if type(value) is dict:
        return {str(_mended(name)): _mended(item) for name, item in value.items()}
    return value


dump = _ENCODER.encode
"""The bytes of a JSON value."""


def dump_text(value: object) -> str:
    return _ENCODER.encode(value).decode()


def object_or_empty(value: Json) -> JsonObject:
    """For answers, where a wrong type is a provider's slip and no reason to fail."""
    return value if type(value) is dict else {}


def text_or_empty(value: Json) -> str:
    return value if type(value) is str else ""
