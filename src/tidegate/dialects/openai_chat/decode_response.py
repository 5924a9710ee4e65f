"""A whole answer, from the wire to the neutral model, from OpenAI or any provider that says it is compatible. Wrong types are a provider's
slip and are passed over; only an answer that is none (an error, no choice, no JSON) raises `GatewayError`."""

from tidegate.dialects.media import media_source
from tidegate.dialects.openai_chat.citations import decode_annotations, decode_sources
from tidegate.dialects.openai_chat.fields import NAME, dump_text, object_or_empty, parse_answer, text_or_empty
from tidegate.dialects.openai_chat.finish import decode_finish
from tidegate.dialects.openai_chat.reasoning import blocks_of, sign_call
from tidegate.dialects.openai_chat.usage import decode_usage, usage_of
from tidegate.dialects.openai_errors import error_of, upstream_error
from tidegate.dialects.unread import fresh
from tidegate.ir.content import Audio, Block, Citation, Image, Native, Origin, Refusal, Text, Thinking, ToolUse
from tidegate.ir.errors import GatewayError
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.response import Response

_KNOWN = frozenset(("id", "object", "created", "model", "choices", "usage", "service_tier", "error"))
CHOICE = frozenset(("index", "message", "delta", "finish_reason", "error", "usage"))
"""Moonshot's streams have their usage in the choice: https://platform.moonshot.ai/docs/api/chat."""
MESSAGE = frozenset(
    (
        *("role", "content", "refusal", "annotations", "images", "tool_calls", "function_call", "audio"),
        *("reasoning", "reasoning_content", "reasoning_details", "name", "channel", "token_id"),
    )
)
"""The last three are what Groq and Together put beside every text: they say nothing."""


def decode_response(body: bytes, origin: Origin) -> Response:
    """The first choice of an answer. `origin` is where it was made."""
    try:
        raw = parse_answer(body)
    except ValueError as error:
        raise GatewayError(upstream_error(f"the provider's answer is not JSON: {error}")) from None
    if type(raw) is not dict:
        raise GatewayError(upstream_error("the provider's answer is not a JSON object"))
    if raw.get("error"):
        raise GatewayError(error_of(raw))
    choice = first_choice(raw.get("choices"))
    if choice is None:
        raise GatewayError(error_of(raw) if "message" in raw else upstream_error("the provider's answer has no choice"))
    if choice.get("error"):
        # OpenRouter's NonStreamingChoice (openrouter.ai/docs/api/reference/overview) has the error of a provider that broke off.
        raise GatewayError(error_of(choice))
    message = object_or_empty(choice.get("message"))
    blocks = _blocks(message, origin)
    for other in _further(raw["choices"], choice):
        blocks += _blocks(other, origin)
    _cite(decode_annotations(message.get("annotations")) or decode_sources(raw), blocks)
    calls = any(type(block) is ToolUse for block in blocks)
    word = choice.get("finish_reason")
    usage = usage_of(raw)
    created, tier = raw.get("created"), raw.get("service_tier")
    return Response(
        dialect=NAME,
        id=text_or_empty(raw.get("id")),
        model=text_or_empty(raw.get("model")),
        blocks=blocks,
        stop=decode_finish(word if type(word) is str else None, calls=calls),
        usage=None if usage is None else decode_usage(usage, tier),
        created=created_of(created),
        service_tier=tier if type(tier) is str else None,
        extras={name: value for name, value in raw.items() if name not in _KNOWN},
        unread=[*fresh(choice, CHOICE, "choices[0]."), *fresh(message, MESSAGE, "choices[0].message.")],
    )


def created_of(value: Json) -> int | None:
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value < 1 << 53 else None


def first_choice(value: Json) -> JsonObject | None:
    """The choice of index 0 (or without one); answers to `n > 1` keep only that."""
    if type(value) is list:
        for choice in value:
            if type(choice) is dict and choice.get("index") in (0, None):
                return choice
    return None


def _further(choices: Json, first: JsonObject) -> list[JsonObject]:
    """The messages of further choices with calls and no index, as the first has none: they are not other answers. GitHub Copilot gives
    Claude's text and its calls so (HKUDS/nanobot#1481)."""
    if type(choices) is not list or len(choices) < 2 or first.get("index") is not None:
        return []
    others = [choice for choice in choices if type(choice) is dict and choice is not first and choice.get("index") is None]
    return [message for choice in others if (message := object_or_empty(choice.get("message"))).get("tool_calls")]


def _blocks(message: JsonObject, origin: Origin) -> list[Block]:
    blocks: list[Block] = [*_reasoning(message, origin)]
    blocks += content_blocks(message.get("content"), origin)
    refusal = message.get("refusal")
    if type(refusal) is str and refusal:
        blocks.append(Refusal(refusal))
    for image in images_of(message.get("images")):
        blocks.append(image)
    calls = message.get("tool_calls")
    if type(calls) is list:
        blocks += [_call(call, origin) if is_call(call) else Native(NAME, call) for call in calls if type(call) is dict]
    legacy = object_or_empty(message.get("function_call"))
    # An empty one beside an answer: pydantic-ai-8c18871d70d9 (Snowflake).
    if legacy.get("name"):
        blocks.append(ToolUse("", text_or_empty(legacy.get("name")), arguments_of(legacy.get("arguments"))))
    audio = object_or_empty(message.get("audio"))
    if audio.get("data"):
        rest = {name: value for name, value in audio.items() if name != "data"}
        blocks.append(Audio(text_or_empty(audio.get("data")), "", rest))
    return blocks


def _reasoning(message: JsonObject, origin: Origin) -> list[Thinking]:
    """`reasoning_details` say the same as the plain text beside them, and more."""
    details = message.get("reasoning_details")
    blocks, _ = blocks_of(plain_reasoning(message), details if type(details) is list else None, origin, keep=False)
    return blocks


def plain_reasoning(message: JsonObject) -> str:
    """Of DeepSeek and most others; of OpenRouter, Groq, Ollama and newer vLLM."""
    return text_or_empty(message.get("reasoning_content")) or text_or_empty(message.get("reasoning"))


def content_blocks(value: Json, origin: Origin) -> list[Block]:
    """Content as text, as a list of parts (Mistral's thinking), or as the object that was asked for (Cloudflare's JSON mode). Texts that
    follow each other are one."""
    if type(value) is str:
        return [Text(value)] if value else []
    if type(value) is dict:
        return [Text(dump_text(value))]
    blocks: list[Block] = []
    if type(value) is list:
        for part in value:
            block = _part(part, origin)
            last = blocks[-1] if blocks else None
            if block is None:
                continue
            if type(block) is Text and type(last) is Text:
                last.text += block.text
            else:
                blocks.append(block)
    return blocks


def _part(part: Json, origin: Origin) -> Block | None:
    if type(part) is str:
        return Text(part) if part else None
    if type(part) is not dict:
        return None
    kind = part.get("type")
    if kind in ("text", "output_text"):
        text = text_or_empty(part.get("text"))
        return Text(text) if text else None
    if kind == "thinking":
        text = _thinking_text(part.get("thinking"))
        signature = part.get("signature")
        return Thinking(text, signature if type(signature) is str else None, origin=origin) if text else None
    return Native(NAME, part)


def _thinking_text(value: Json) -> str:
    """Mistral's `thinking` is a list of texts."""
    if type(value) is str:
        return value
    if type(value) is not list:
        return ""
    return "".join(item if type(item) is str else text_or_empty(object_or_empty(item).get("text")) for item in value)


def images_of(value: Json) -> list[Image]:
    """Pictures that a model drew: OpenRouter's `images`."""
    if type(value) is not list:
        return []
    urls = [object_or_empty(object_or_empty(item).get("image_url")).get("url") for item in value]
    return [Image(media_source(url)) for url in urls if type(url) is str and url]


def _cite(citations: list[Citation], blocks: list[Block]) -> None:
    if citations:
        for block in blocks:
            if type(block) is Text:
                block.citations = citations
                return


def _call(raw: JsonObject, origin: Origin) -> ToolUse:
    inner, kind = call_body(raw)
    extras = {name: value for name, value in raw.items() if name not in CALL_FIELDS}
    arguments = inner.get("input") if kind == "custom" else inner.get("arguments")
    use = ToolUse(
        text_or_empty(raw.get("id")),
        text_or_empty(inner.get("name")),
        arguments_of(arguments),
        "custom" if kind == "custom" else "function",
        extras=extras,
    )
    sign_call(use, extras, origin)
    return use


CALL_FIELDS = frozenset(("id", "type", "index", "function", "custom"))


def is_call(raw: JsonObject) -> bool:
    """Whether it is of a kind of call that is known; a missing `type` (Mistral) is a function."""
    return raw.get("type") in (None, "", "function", "custom") or "function" in raw or "custom" in raw


def call_body(raw: JsonObject) -> tuple[JsonObject, str]:
    """The inner object of a call and its kind; a missing `type` (Mistral) is a function."""
    if raw.get("type") == "custom" or ("custom" in raw and "function" not in raw):
        return object_or_empty(raw.get("custom")), "custom"
    return object_or_empty(raw.get("function")), "function"


def arguments_of(value: Json) -> str:
    """JSON text; some local servers give the object itself, and calls without arguments may have null."""
    if type(value) is str:
        return value
    return "" if value is None else dump_text(value)
