"""The neutral model to `POST /v1/chat/completions`, in one canonical form. What cannot be carried is a loss; what would change the
meaning of the request raises `unsupported`. A provider's top-level quirks (other names, fields it rejects) are applied to the bytes after
this, on both paths alike; `tool_id`, `system_role`, `reasoning_field` and `stream_usage` are applied here."""

import hashlib
from operator import attrgetter
from typing import cast

from tidegate.dialects.base import Encoded
from tidegate.dialects.openai_chat.encode_effort import encode_reasoning
from tidegate.dialects.openai_chat.encode_messages import encode_messages, instruct
from tidegate.dialects.openai_chat.encode_tools import encode_tools
from tidegate.dialects.openai_chat.encoding import Encoding
from tidegate.dialects.openai_chat.fields import NAME, cache_control, dump, dump_text
from tidegate.dialects.reading import merge
from tidegate.dialects.refuse import refuse
from tidegate.ir.errors import bad_request
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.request import OutputFormat, Request
from tidegate.ir.target import Profile

_USER_LIMIT = 64
"""OpenAI answers 400 `string_above_max_length` to a longer `user`; Claude Code sends about 150 characters."""
_PLAIN = ("verbosity", "n", "seed", "logprobs", "top_logprobs", "logit_bias", "metadata")
_plain_of = attrgetter(*_PLAIN)
_NO_PLAIN = (None,) * len(_PLAIN)
_SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty")
_NOT_WHILE_THINKING = frozenset(("temperature", "top_p"))


def encode_request(request: Request, profile: Profile) -> Encoded:
    """The body for `profile`'s model. Raises `unsupported` (and `bad_request` for JSON nested too deeply)."""
    encoding = Encoding(request, profile, request.dialect == NAME)
    if not encoding.own:
        refuse(request, "The model")
    body: JsonObject = {"model": profile.model, "messages": [*encode_messages(encoding)]}
    if request.tools or request.tool_choice is not None or request.parallel_tool_calls is not None:
        encode_tools(encoding, body)
    encode_reasoning(encoding, body)
    _limits(encoding, body)
    if request.output is not None:
        _output(encoding, request.output, body)
    plain = _plain_of(request)
    if plain != _NO_PLAIN:
        body.update((name, value) for name, value in zip(_PLAIN, plain, strict=True) if value is not None)
    _hints(encoding, body)
    if request.stream:
        body["stream"] = True
        if profile.quirks.stream_usage:
            body["stream_options"] = {"include_usage": True}
    if request.extras:
        if encoding.own:
            merge(body, request.extras)
        else:
            encoding.foreign_extras(request.extras, "")
    try:
        return Encoded(dump(body), encoding.losses)
    except RecursionError:
        raise bad_request("the JSON is nested too deeply") from None


def _limits(encoding: Encoding, body: JsonObject) -> None:
    request = encoding.request
    capabilities = encoding.profile.capabilities
    if request.max_tokens is not None:
        most = capabilities.max_output
        if most is not None and request.max_tokens > most and not encoding.own:
            encoding.mapped(encoding.name("max_tokens"), f"the model writes at most {most} tokens")
            body["max_completion_tokens"] = most
        else:
            body["max_completion_tokens"] = request.max_tokens
    thinks = body.get("reasoning_effort") not in (None, "none")
    for name in _SAMPLING:
        value = getattr(request, name)
        if value is None:
            continue
        if not capabilities.sampling:
            encoding.dropped(encoding.name(name), "the model takes no sampling parameters")
        elif thinks and not capabilities.sampling_while_thinking and name in _NOT_WHILE_THINKING:
            encoding.dropped(encoding.name(name), "the model takes none while it reasons")
        else:
            body[name] = value
    if request.top_k is not None:
        if encoding.own:
            body["top_k"] = request.top_k
        else:
            encoding.dropped(encoding.name("top_k"), "OpenAI's shape has no top_k")
    if request.stop:
        body["stop"] = [*request.stop]


def _hints(encoding: Encoding, body: JsonObject) -> None:
    request = encoding.request
    if request.user is not None:
        if encoding.own or len(request.user) <= _USER_LIMIT:
            body["user"] = request.user
        else:
            encoding.mapped(encoding.name("user"), f"longer than {_USER_LIMIT} characters: a digest is sent")
            body["user"] = hashlib.sha256(request.user.encode()).hexdigest()
    tier = request.service_tier
    if tier is not None:
        if encoding.own:
            body["service_tier"] = tier
        elif tier == "standard_only":
            encoding.mapped(encoding.name("service_tier"), "`standard_only` is OpenAI's `default`")
            body["service_tier"] = "default"
        elif tier != "auto":
            encoding.dropped(encoding.name("service_tier"), f"OpenAI has no service tier {tier!r}")
    if request.cache is not None:
        if encoding.keeps_marks:
            body["cache_control"] = cache_control(request.cache, own=encoding.own)
        else:
            encoding.dropped(encoding.name("cache"), "the target has no prompt-cache marks")


def _output(encoding: Encoding, output: OutputFormat, body: JsonObject) -> None:
    style = encoding.profile.capabilities.structured
    if encoding.own or style == "native" or (style == "json_object" and output.kind == "json_object"):
        body["response_format"] = _format(encoding, output)
        return
    name = encoding.name("output")
    if style == "json_object":
        body["response_format"] = {"type": "json_object"}
        encoding.emulated(name, "the model knows JSON mode only: the schema is said in a system message")
    else:
        encoding.emulated(name, "the model has no structured output: asked for in a system message")
    instruction = "Answer with one JSON object and nothing else."
    if output.schema is not None:
        instruction = f"Answer with JSON that fits this JSON Schema, and with nothing else:\n{dump_text(output.schema)}"
    instruct(cast("list[Json]", body["messages"]), instruction)


def _format(encoding: Encoding, output: OutputFormat) -> JsonObject:
    if output.kind == "json_object":
        return {"type": "json_object"}
    inner: JsonObject = {}
    if output.name is not None or not encoding.own:
        inner["name"] = output.name or "response"
    if output.description is not None:
        inner["description"] = output.description
    if output.schema is not None:
        inner["schema"] = output.schema
    if output.strict is not None:
        inner["strict"] = output.strict
    elif not encoding.own and fits_strict(output.schema):
        inner["strict"] = True
    return {"type": "json_schema", "json_schema": inner}


_STRICT_WORDS = frozenset(("type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf", "$ref", "$defs"))
_NOTES = frozenset(("title", "description", "$schema"))


def fits_strict(schema: Json) -> bool:
    """Whether OpenAI takes the schema under `strict`: an object whose objects are all closed, with all properties required, and no keyword
    outside the common core. Anthropic's output format is always enforced, so its requests ask for the same wherever that is possible."""
    return type(schema) is dict and schema.get("type") == "object" and "anyOf" not in schema and _strict(schema)


def _strict(schema: Json) -> bool:
    if type(schema) is not dict or any(name not in _STRICT_WORDS and name not in _NOTES for name in schema):
        return False
    properties = schema.get("properties")
    if properties is not None or schema.get("type") == "object":
        names = properties if type(properties) is dict else {}
        required = schema.get("required")
        listed = required if type(required) is list else []
        if schema.get("additionalProperties") is not False or any(name not in listed for name in names):
            return False
    inner: list[Json] = []
    for word in ("properties", "$defs"):
        group = schema.get(word)
        if type(group) is dict:
            inner += group.values()
    if "items" in schema:
        inner.append(schema["items"])
    choices = schema.get("anyOf")
    if type(choices) is list:
        inner += choices
    return all(_strict(one) for one in inner)
