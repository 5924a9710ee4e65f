"""Which words and which fields there are, for errors that name them: msgspec says only that what was sent is none of them."""

import re
from collections.abc import Iterator

import msgspec.inspect as mi

_STEP = re.compile(r"\[(?P<index>[^\]]*)\]|(?P<name>[^.\[\]]+)")


def allowed(kind: type, path: str) -> list[str]:
    """The words at `path`, as msgspec writes it without `$` (`times[0].days[1]`), each once; none where none are listed."""
    return list(dict.fromkeys(word for info in _reached(kind, path) for word in _words(info)))


def fields(kind: type, path: str) -> list[str]:
    """The names of the fields of what stands at `path`, in the order of the type."""
    structs = [info for info in _reached(kind, path) if isinstance(info, mi.StructType)]
    return list(dict.fromkeys(field.encode_name for info in structs for field in info.fields))


def _reached(kind: type, path: str) -> tuple[mi.Type, ...]:
    reached = tuple(_alternatives(mi.type_info(kind)))
    for step in _STEP.finditer(path):
        reached = tuple(found for info in reached for inner in _inside(info, step["name"]) for found in _alternatives(inner))
    return reached


def _alternatives(info: mi.Type) -> Iterator[mi.Type]:
    match info:
        case mi.UnionType(types=types):
            for inner in types:
                yield from _alternatives(inner)
        case mi.Metadata(type=inner):
            yield from _alternatives(inner)
        case _:
            yield info


def _inside(info: mi.Type, name: str | None) -> Iterator[mi.Type]:
    """The types of what stands in it: under `name`, or as one of many where that is None."""
    match info:
        case mi.StructType(fields=fields):
            yield from (field.type for field in fields if field.encode_name == name)
        case mi.ListType(item_type=inner) | mi.VarTupleType(item_type=inner) | mi.SetType(item_type=inner) if name is None:
            yield inner
        case mi.DictType(value_type=inner) if name is None:
            yield inner
        case _:
            return


def _words(info: mi.Type) -> list[str]:
    match info:
        case mi.LiteralType(values=values):
            return [str(value) for value in values]
        case mi.EnumType(cls=cls):
            return [str(member.value) for member in cls]
        case _:
            return []
