"""Plain values into the types of `config`, with every mistake found at once: unknown names with the near one, wrong types with what is
wanted. Works on any of our config types by reading their fields; knows no meaning."""

from typing import Any, TypeVar

import msgspec
import msgspec.inspect as mi

from tidegate.control.problems import Path, Problems
from tidegate.ir.json import Json
from tidegate.policy.near import did_you_mean

T = TypeVar("T", bound=msgspec.Struct)

_PLAIN: dict[type[mi.Type], tuple[type, ...]] = {
    mi.StrType: (str,),
    mi.BoolType: (bool,),
    mi.IntType: (int,),
    mi.FloatType: (int, float),
    mi.NoneType: (type(None),),
}
_WORDS: dict[type[mi.Type], str] = {
    mi.StrType: "text",
    mi.BoolType: "true or false",
    mi.IntType: "a whole number",
    mi.FloatType: "a number",
    mi.DictType: "names with values",
    mi.ListType: "a list",
}
_KINDS: dict[type, str] = {
    type(None): "empty",
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "names with values",
}


def shape(value: Json, into: type[T], problems: Problems, path: Path = ()) -> T:
    """`value` as `into`, without the names that nobody knows; `path` is where it stands. Raises `ConfigError` with every mistake if one of
    them leaves a hole."""
    cleaned = _walk(value, mi.type_info(into), path, problems)
    try:
        return msgspec.convert(cleaned, into)
    except msgspec.ValidationError:
        problems.check()
        raise


def _walk(value: Json, info: mi.Type, path: Path, problems: Problems) -> Json:
    match info:
        case mi.StructType():
            return _struct({} if value is None else value, info, path, problems)
        case mi.DictType(value_type=inner) if value is None or isinstance(value, dict):
            return {name: _walk(item, inner, (*path, name), problems) for name, item in (value or {}).items()}
        case mi.ListType(item_type=inner) if value is None or isinstance(value, list):
            return [_walk(item, inner, (*path, index), problems) for index, item in enumerate(value or [])]
        case mi.AnyType():
            return value
        case mi.UnionType(types=types) if isinstance(value, dict):
            struct = next((kind for kind in types if isinstance(kind, mi.StructType)), None)
            return _struct(value, struct, path, problems) if struct is not None else _leaf(value, info, path, problems)
        case _:
            return _leaf(value, info, path, problems)


def _struct(value: Json, info: mi.StructType, path: Path, problems: Problems) -> Json:
    if not isinstance(value, dict):
        return _wrong(value, info, path, problems)
    fields = {field.encode_name: field for field in info.fields}
    cleaned: dict[str, Json] = {}
    for name, item in value.items():
        if name not in fields:
            allowed = ", ".join(f"`{known}`" for known in fields)
            hint = did_you_mean(name, fields) or f" Known here: {allowed}."
            problems.error((*path, name), f"`{name}` is not a setting.{hint}")
        elif item is None and not fields[name].required:
            continue
        else:
            cleaned[name] = _walk(item, fields[name].type, (*path, name), problems)
    for name, field in fields.items():
        if field.required and name not in value:
            problems.error(path, f"`{name}` is missing: it must be {_wanted(field.type)}")
    return cleaned


def _leaf(value: Json, info: mi.Type, path: Path, problems: Problems) -> Json:
    if _fits(value, info):
        return value
    if isinstance(info, mi.LiteralType) or (isinstance(info, mi.UnionType) and any(isinstance(t, mi.LiteralType) for t in info.types)):
        hint = did_you_mean(value, _words(info)) if isinstance(value, str) else ""
        problems.error(path, f"`{value}` is not possible: it must be {_wanted(info)}.{hint}")
        return value
    return _wrong(value, info, path, problems)


def _wrong(value: Json, info: mi.Type, path: Path, problems: Problems) -> Json:
    takes_text = any(isinstance(kind, mi.StrType) for kind in (info.types if isinstance(info, mi.UnionType) else (info,)))
    hint = ": put it in quotes" if takes_text and isinstance(value, bool | int | float) else ""
    problems.error(path, f"it must be {_wanted(info)}, not {_KINDS[type(value)]}{hint}")
    return value


def _fits(value: Json, info: mi.Type) -> bool:
    if isinstance(info, mi.UnionType):
        return any(_fits(value, kind) for kind in info.types)
    if isinstance(info, mi.LiteralType):
        return value in info.values
    return type(value) in _PLAIN.get(type(info), ())


def _words(info: mi.Type) -> list[str]:
    kinds: tuple[Any, ...] = info.types if isinstance(info, mi.UnionType) else (info,)
    return [str(word) for kind in kinds if isinstance(kind, mi.LiteralType) for word in kind.values]


def _wanted(info: mi.Type) -> str:
    if isinstance(info, mi.UnionType):
        return " or ".join(_wanted(kind) for kind in info.types if not isinstance(kind, mi.NoneType))
    if isinstance(info, mi.LiteralType):
        return " or ".join(f"`{word}`" for word in info.values)
    if isinstance(info, mi.StructType):
        return "settings (" + ", ".join(f"`{field.encode_name}`" for field in info.fields) + ")"
    return _WORDS[type(info)]
