"""What the shapes of operations share: reading a provider's whole answer, and the client's inputs."""

from base64 import b64encode
from struct import pack
from typing import cast

from tidegate.dialects.operations.taps import NO_ANSWER
from tidegate.dialects.values import parse
from tidegate.ir.errors import Error, ErrorKind, GatewayError, unsupported
from tidegate.ir.json import Json, JsonObject
from tidegate.wire.splice import Fields


def field(fields: Fields, name: str) -> Json:
    """A field's value, None where it is absent."""
    raw = fields.get(name)
    return None if raw is None else parse(raw)


def answer_of(body: bytes) -> JsonObject:
    """Raises `GatewayError` (kind UPSTREAM) where the body is no JSON object."""
    try:
        value = parse(body)
    except ValueError:
        value = None
    if type(value) is not dict:
        raise GatewayError(NO_ANSWER)
    return value


def odd_answer(what: str) -> GatewayError:
    return GatewayError(
        Error(kind=ErrorKind.UPSTREAM, message=f"the provider's answer has no {what} as its format says", code="upstream_invalid_response")
    )


def texts_of(fields: Fields, name: str) -> list[str]:
    """One text, or a list of them. Raises `GatewayError` for token ids, which only their own provider can read, and for anything else."""
    value = field(fields, name)
    if value is None or value in ("", []):
        raise unsupported(f"`{name}` is empty: send a text, or a list of texts.", name, "missing_required_parameter")
    items = [value] if isinstance(value, str) else value
    if type(items) is list and items and all(type(item) is str for item in items):
        return cast("list[str]", items)
    raise unsupported(f"This model takes texts only: `{name}` must be a string or a list of strings, not token ids.", name)


def numbers_of(value: Json) -> list[float]:
    """A vector. Raises `GatewayError` where it is none."""
    if type(value) is list and all(type(item) in (int, float) for item in value):
        return cast("list[float]", value)
    raise odd_answer("vectors")


def base64_floats(vector: list[float]) -> str:
    """As OpenAI gives `encoding_format: base64`: float32, little-endian."""
    return b64encode(pack(f"<{len(vector)}f", *vector)).decode()
