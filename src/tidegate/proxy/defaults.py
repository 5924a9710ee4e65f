"""A route's defaults for clients whose dialect has its settings in an object of the request: Gemini's `generationConfig`, Converse's
`inferenceConfig`. For all others defaults are top-level fields, see `prepare`."""

from collections.abc import Mapping
from types import MappingProxyType

from tidegate.dialects.values import dump, object_or_empty, parse
from tidegate.ir.json import Json
from tidegate.wire.splice import Fields, scan, splice

_GEMINI = {
    "max_tokens": "maxOutputTokens",
    "max_completion_tokens": "maxOutputTokens",
    "max_output_tokens": "maxOutputTokens",
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "stop": "stopSequences",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
_CONVERSE = {
    "max_tokens": "maxTokens",
    "max_completion_tokens": "maxTokens",
    "max_output_tokens": "maxTokens",
    "temperature": "temperature",
    "top_p": "topP",
    "stop": "stopSequences",
}
_OTHERS = frozenset(("n", "user", "seed", "logprobs", "store", "verbosity"))
"""Fields of other dialects that no name tells apart from own ones."""
WITHIN: Mapping[str, tuple[str, Mapping[str, str]]] = MappingProxyType(
    {"gemini": ("generationConfig", _GEMINI), "bedrock_converse": ("inferenceConfig", _CONVERSE)}
)
"""Dialect -> (the object, names in it by those of the other dialects)."""


def put_within(fields: Fields, dialect: str, defaults: Mapping[str, Json]) -> Fields:
    """The client's fields with the defaults where it set nothing. Names of other dialects that this one has no place for are left out:
    its providers refuse what they do not know."""
    outer, names = WITHIN[dialect]
    raw = fields.get(outer)
    inner = scan(raw if raw is not None and raw.startswith(b"{") else b"{}")
    known = {name.replace("_", "").lower() for name in inner.spans}
    more, top = dict[str, bytes](), dict[str, bytes]()
    for name, value in defaults.items():
        own = names.get(name)
        if own is not None:
            if own.lower() not in known:
                more[own] = dump([value] if own == "stopSequences" and type(value) is str else value)
        elif name == outer:
            more |= {key: dump(one) for key, one in object_or_empty(parse(dump(value))).items() if key.lower() not in known}
        elif "_" not in name and name not in _OTHERS and name not in fields.spans:
            top[name] = dump(value)
    if more:
        top[outer] = splice(inner, more)
    return scan(splice(fields, top)) if top else fields
