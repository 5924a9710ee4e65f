"""JSON on the wire as the dialects of OpenAI's family read and write it, and lenient looks at what a provider sent."""

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


dump = _ENCODER.encode
"""The bytes of a JSON value."""


def dump_text(value: object) -> str:
    return _ENCODER.encode(value).decode()


def object_or_empty(value: Json) -> JsonObject:
    """For answers, where a wrong type is a provider's slip and no reason to fail."""
    return value if type(value) is dict else {}


def text_or_empty(value: Json) -> str:
    return value if type(value) is str else ""
