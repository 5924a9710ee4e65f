"""The refusals of OpenAI's API, word for word where they are known. Pure; used by the modules that check its requests."""

import re

from tidegate.sandbox.values import Json, RequestRefused

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
"""What names of functions must match."""
_KINDS: dict[type, str] = {
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    str: "a string",
    list: "an array",
    dict: "an object",
}


def invalid_type(path: str, expected: str, value: Json) -> RequestRefused:
    got = _KINDS.get(type(value), "null")
    return RequestRefused(f"Invalid type for '{path}': expected {expected}, but got {got} instead.", path, "invalid_type")


def invalid_value(path: str, value: Json, supported: str) -> RequestRefused:
    return RequestRefused(f"Invalid value: '{value}'. Supported values are: {supported}.", path, "invalid_value")


def missing(path: str) -> RequestRefused:
    return RequestRefused(f"Missing required parameter: '{path}'.", path, "missing_required_parameter")


def unknown(path: str) -> RequestRefused:
    return RequestRefused(f"Unknown parameter: '{path}'.", path, "unknown_parameter")


def empty_array(path: str) -> RequestRefused:
    message = f"Invalid '{path}': empty array. Expected an array with minimum length 1, but got an empty array instead."
    return RequestRefused(message, path, "empty_array")


def bad_name(path: str) -> RequestRefused:
    message = f"Invalid '{path}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
    return RequestRefused(message, path, "invalid_value")


def out_of_range(name: str, value: float, low: float, high: float) -> RequestRefused:
    if value < low:
        message = f"Invalid '{name}': decimal below minimum value. Expected a value >= {low}, but got {value} instead."
        return RequestRefused(message, name, "decimal_below_min_value")
    message = f"Invalid '{name}': decimal above maximum value. Expected a value <= {high}, but got {value} instead."
    return RequestRefused(message, name, "decimal_above_max_value")
