"""What the repositories of edited rows share."""

import secrets
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LENGTH = 16


def new_id(prefix: str) -> str:
    """`<prefix>_` and 95 bits in base 62."""
    return prefix + "_" + "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))


def record_of(kind: type[T], row: Sequence[Any]) -> T:
    """A row of the columns that the record has, in their order."""
    return kind(**dict(zip(kind.__struct_fields__, row, strict=True)))
