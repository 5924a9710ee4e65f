"""What the options of a command say, as the request of the control API that asks for the same: with the same checks and the same words."""

from typing import Any, TypeVar

import msgspec

from tidegate.control.api.problem import of_validation

T = TypeVar("T", bound=msgspec.Struct)


def checked(fields: dict[str, Any], kind: type[T]) -> T:
    """Raises `ValueError` that names the field."""
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise ValueError(of_validation(error, kind).detail) from None
