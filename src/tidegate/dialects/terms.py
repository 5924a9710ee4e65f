"""What clients of each dialect call the fields of the neutral request, so that a receipt speaks of what they wrote. Asked by the encoders
of requests; a dialect that is not listed has the neutral names."""

from collections.abc import Iterator, Mapping
from typing import cast

import msgspec

from tidegate.ir.content import Native, Thinking, ToolResult, ToolUse
from tidegate.ir.json import JsonObject
from tidegate.ir.request import Request


class Terms(msgspec.Struct, frozen=True):
    """`names`: neutral field -> the client's path. `messages` is the list of the turns. `system` is the field of a system prompt that
    stands apart from them and is the first message in neutral terms; empty where there is none."""

    names: Mapping[str, str]
    messages: str = "messages"
    system: str = ""


_TERMS: Mapping[str, Terms] = {
    "openai_chat": Terms(
        {"output": "response_format", "reasoning": "reasoning_effort", "effort": "reasoning_effort", "cache": "cache_control"}
    ),
    "anthropic": Terms(
        {
            "stop": "stop_sequences",
            "reasoning": "thinking",
            "effort": "output_config.effort",
            "display": "thinking.display",
            "user": "metadata.user_id",
            "output": "output_config.format",
            "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
            "cache": "cache_control",
        },
        system="system",
    ),
    "bedrock_converse": Terms(
        {
            "max_tokens": "inferenceConfig.maxTokens",
            "temperature": "inferenceConfig.temperature",
            "top_p": "inferenceConfig.topP",
            "top_k": "additionalModelRequestFields.top_k",
            "stop": "inferenceConfig.stopSequences",
            "reasoning": "additionalModelRequestFields.thinking",
            "effort": "additionalModelRequestFields.output_config.effort",
            "output": "outputConfig.textFormat",
            "tool_choice": "toolConfig.toolChoice",
            "metadata": "requestMetadata",
            "service_tier": "serviceTier",
        },
        system="system",
    ),
    "openai_responses": Terms(
        {
            "effort": "reasoning.effort",
            "display": "reasoning.summary",
            "messages": "input",
            "output": "text.format",
            "verbosity": "text.verbosity",
            "max_tokens": "max_output_tokens",
            "tool_call_id": "call_id",
            "user": "safety_identifier",
        },
        messages="input",
        system="instructions",
    ),
    "gemini": Terms(
        {
            "effort": "generationConfig.thinkingConfig.thinkingLevel",
            "frequency_penalty": "generationConfig.frequencyPenalty",
            "logprobs": "generationConfig.responseLogprobs",
            "max_tokens": "generationConfig.maxOutputTokens",
            "messages": "contents",
            "modalities": "generationConfig.responseModalities",
            "n": "generationConfig.candidateCount",
            "output": "generationConfig.responseJsonSchema",
            "presence_penalty": "generationConfig.presencePenalty",
            "reasoning": "generationConfig.thinkingConfig",
            "seed": "generationConfig.seed",
            "service_tier": "serviceTier",
            "stop": "generationConfig.stopSequences",
            "temperature": "generationConfig.temperature",
            "tool_call_id": "functionResponse.id",
            "tool_choice": "toolConfig.functionCallingConfig",
            "top_k": "generationConfig.topK",
            "top_logprobs": "generationConfig.logprobs",
            "top_p": "generationConfig.topP",
        },
        messages="contents",
        system="systemInstruction",
    ),
}
_NEUTRAL = Terms({})

_READ_IN_PART = frozenset(
    (
        "custom",
        "file",
        "fileData",
        "function",
        "functionCall",
        "functionCallingConfig",
        "functionResponse",
        "generationConfig",
        "image_url",
        "inlineData",
        "input_audio",
        "json_schema",
        "reasoning",
        "response_format",
        "stream_options",
        "systemInstruction",
        "thinkingConfig",
        "toolConfig",
        "tool_choice",
        "user_location",
        "web_search_options",
    )
)
"""Objects that are read field by field: what is left of one among the extras is named by its own fields."""


def unmodelled(extras: JsonObject, path: str) -> Iterator[str]:
    """The paths of fields that nobody models. One that is null says nothing (clients echo those of answers)."""
    for name, value in extras.items():
        where = f"{path}.{name}" if path else name
        if name in _READ_IN_PART and type(value) is dict:
            yield from unmodelled(cast("JsonObject", value), where)
        elif value is not None:
            yield where


def term(request: Request, field: str) -> str:
    """A field of the neutral request under the client's name for it."""
    return _TERMS.get(request.dialect, _NEUTRAL).names.get(field, field)


def message_path(request: Request, index: int) -> str:
    """The path of a message, or of the field that holds the system prompt."""
    terms = _TERMS.get(request.dialect, _NEUTRAL)
    if terms.system and request.messages and _apart(request):
        return terms.system if index == 0 else f"{terms.messages}[{index - 1}]"
    return f"{terms.messages}[{index}]"


def block_path(request: Request, index: int, at: int) -> str:
    """The path of a block of a message. Most dialects keep the blocks of a message in one list; chat completions have calls in a list of
    their own and a message for each result, and Responses has an item for whatever is no content."""
    path = message_path(request, index)
    if path == "system":
        return f"system[{at}]"
    blocks = request.messages[index].blocks
    block = blocks[at]
    match request.dialect:
        case "openai_chat" if isinstance(block, ToolUse):
            return f"{path}.tool_calls[{sum(isinstance(other, ToolUse) for other in blocks[:at])}]"
        case "openai_chat" if isinstance(block, ToolResult):
            return path
        case "openai_responses" if isinstance(block, ToolUse | ToolResult | Thinking | Native) or path == "instructions":
            return path
        case "gemini":
            return f"{path}.parts[{at}]"
        case _:
            return f"{path}.content[{at}]"


def tool_field(request: Request, kind: str, field: str) -> str:
    """The path of a field within a tool, a call or a choice: chat completions have those of a function in `function`."""
    return f"{kind}.{field}" if request.dialect == "openai_chat" else field


def _apart(request: Request) -> bool:
    """Whether the first message stood apart. Where it is called `system`, its role alone tells it."""
    return request.instructions or (_TERMS.get(request.dialect, _NEUTRAL).system == "system" and request.messages[0].role == "system")
