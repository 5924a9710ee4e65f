"""`generateContent`, from the neutral model to the wire: requests of this dialect as they were (in camelCase, with functions in one group,
and without defaults that were spelled out), those of others as near as Gemini comes, with a receipt. The model and whether the answer is
streamed stand in the URL."""

from tidegate.dialects.base import Encoded
from tidegate.dialects.gemini.encode_contents import encode_contents, instruct
from tidegate.dialects.gemini.encode_thinking import thinking_config
from tidegate.dialects.gemini.encode_tools import encode_tools, own_config
from tidegate.dialects.gemini.encoding import Encoding
from tidegate.dialects.gemini.names import NAME
from tidegate.dialects.reading import merge
from tidegate.dialects.refuse import modalities, refuse
from tidegate.dialects.values import dump, dump_text
from tidegate.ir.content import ToolUse
from tidegate.ir.errors import bad_request
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.request import OutputFormat, Request
from tidegate.ir.target import Profile

_PLAIN = (
    ("temperature", "temperature"),
    ("top_p", "topP"),
    ("top_k", "topK"),
    ("seed", "seed"),
    ("presence_penalty", "presencePenalty"),
    ("frequency_penalty", "frequencyPenalty"),
)
_OWN_ONLY = (("n", "candidateCount"), ("logprobs", "responseLogprobs"), ("top_logprobs", "logprobs"))
_HINTS = ("logit_bias", "verbosity", "user", "metadata", "service_tier", "cache", "store")
_MOST_STOPS = 5
_HELD = frozenset(
    (
        "$anchor",
        "$defs",
        "$id",
        "$ref",
        "$schema",
        "additionalProperties",
        "anyOf",
        "description",
        "enum",
        "format",
        "items",
        "maxItems",
        "maximum",
        "minItems",
        "minimum",
        "oneOf",
        "prefixItems",
        "properties",
        "propertyOrdering",
        "required",
        "title",
        "type",
    )
)
"""What Google holds to of a `responseJsonSchema`; it takes and ignores the rest.
https://ai.google.dev/gemini-api/docs/structured-output"""


def encode_request(request: Request, profile: Profile) -> Encoded:
    """Raises `GatewayError` (unsupported, bad request) for what Gemini cannot honour, with the client's name of the field."""
    called = {block.id: block.name for message in request.messages for block in message.blocks if isinstance(block, ToolUse)}
    encoding = Encoding(request, profile, request.dialect == NAME, tools=called)
    if not encoding.own:
        refuse(request, "Gemini", ("text", "image"))
    body: JsonObject = {}
    encode_contents(encoding, body)
    encode_tools(encoding, body)
    settings = _settings(encoding)
    if request.output is not None:
        _output(encoding, request.output, body, settings)
    thinking = thinking_config(encoding)
    if thinking:
        settings["thinkingConfig"] = thinking
    if settings:
        body["generationConfig"] = settings
    if encoding.own:
        _own(request, body)
    else:
        _hints(encoding)
        encoding.foreign_extras({name: value for name, value in request.extras.items() if name != "modalities"}, "")
    try:
        return Encoded(dump(body), encoding.losses)
    except RecursionError:
        raise bad_request("the JSON is nested too deeply") from None


def _settings(encoding: Encoding) -> JsonObject:
    request, capabilities = encoding.request, encoding.profile.capabilities
    out: JsonObject = {}
    if request.max_tokens is not None:
        most = capabilities.max_output
        if most is not None and request.max_tokens > most and not encoding.own:
            encoding.mapped(encoding.name("max_tokens"), f"this model writes at most {most} tokens")
            out["maxOutputTokens"] = most
        else:
            out["maxOutputTokens"] = request.max_tokens
    for name, theirs in (*_PLAIN, *(_OWN_ONLY if encoding.own else ())):
        value = getattr(request, name)
        if value is not None:
            out[theirs] = value
    stops = [sequence for sequence in request.stop if sequence or encoding.own]
    if len(stops) > _MOST_STOPS and not encoding.own:
        encoding.dropped(encoding.name("stop"), f"Gemini takes {_MOST_STOPS} stop sequences: the first are kept")
        stops = stops[:_MOST_STOPS]
    if stops:
        out["stopSequences"] = [*stops]
    kinds = request.modalities if encoding.own else modalities(request)
    if any(kind != "text" for kind in kinds) or (encoding.own and kinds):
        out["responseModalities"] = [kind.upper() for kind in kinds if type(kind) is str]
    return out


def _output(encoding: Encoding, output: OutputFormat, body: JsonObject, settings: JsonObject) -> None:
    capabilities = encoding.profile.capabilities
    native = encoding.own or (capabilities.structured != "none" and (capabilities.structured_with_tools or "tools" not in body))
    if not native:
        encoding.emulated(encoding.name("output"), "the model has no structured output here: asked for in the system instruction")
        told = "Answer with one JSON object and nothing else: no other text before or after it, no code fence."
        if output.schema is not None:
            told += f"\nIt must be valid against this JSON Schema:\n{dump_text(output.schema)}"
        if output.description:
            told += f"\nThe object: {output.description}"
        instruct(body, told)
        return
    settings["responseMimeType"] = "application/json"
    if encoding.own and output.own_schema is not None:
        settings["responseSchema"] = output.own_schema
    elif output.schema is not None:
        settings["responseJsonSchema"] = output.schema
        if output.description and type(output.schema) is dict:
            settings["responseJsonSchema"] = {"description": output.description, **output.schema}
        if not encoding.own:
            for name in sorted(_ignored(output.schema)):
                encoding.dropped(f"{encoding.name('output')}.{name}", "Gemini takes this word of a schema and does not hold to it")


def _ignored(schema: Json) -> set[str]:
    """The words of a schema that Google ignores."""
    found: set[str] = set()
    waiting: list[Json] = [schema]
    while waiting:
        item = waiting.pop()
        if type(item) is not dict:
            continue
        found |= {name for name in item if name not in _HELD}
        for name in ("properties", "$defs"):
            group = item.get(name)
            if type(group) is dict:
                waiting += group.values()
        for name in ("items", "additionalProperties"):
            waiting.append(item.get(name))
        for name in ("anyOf", "oneOf", "prefixItems"):
            listed = item.get(name)
            if type(listed) is list:
                waiting += listed
    return found


def _own(request: Request, body: JsonObject) -> None:
    if request.service_tier is not None:
        body["serviceTier"] = request.service_tier
    own_config(body, request.extras.get("toolConfig"))
    merge(body, request.extras)


def _hints(encoding: Encoding) -> None:
    for name in _HINTS:
        value: object = getattr(encoding.request, name)
        if value is not None and not (name == "service_tier" and value in ("auto", "default", "standard_only")):
            encoding.dropped(encoding.name(name), "Gemini has no such setting")
