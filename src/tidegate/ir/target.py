"""What a request is encoded for: the abilities of the model and the ways in which a provider's wire differs from its dialect."""

from typing import Literal

import msgspec

ThinkingStyle = Literal["none", "budget", "adaptive", "effort", "config"]
StructuredStyle = Literal["native", "json_object", "none"]


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a model can do. A provider's default row stands in for models that the catalogue does not know.

    `thinking`: `budget` = Anthropic's `thinking.budget_tokens`, `adaptive` = Anthropic's `thinking: {type: adaptive}` with
    `output_config.effort`, `effort` = OpenAI's `reasoning_effort`, `config` = Nova's `reasoningConfig`. `structured`: `native` =
    takes a JSON Schema in its own dialect's field.
    `sampling` = takes temperature and top_p, `sampling_while_thinking` = also where thinking is asked for.
    `thinking_off` = how thinking is turned off (Anthropic's `thinking.type`), or `never`: it reasons whether asked or not. `efforts` are
    the words it takes for effort, None = not known. `forced_tools` = takes a tool choice that demands a tool. `tools_while_thinking` =
    takes tools and effort together; where not, tools need an effort of `none` (OpenAI's chat completions from gpt-5.4 on, recording
    lingua-4546a6ecdd53, BerriAI/litellm#34569). `custom_tools` = takes free-text tools in chat completions, as
    OpenAI does; others are offered functions with one field. `dialects` are those in which the model is reached, where not in all that
    its provider speaks: the first is the one for clients of others. `structured_with_tools` = takes structured output and tools
    together (Gemini from 3 on). `media_in_results` = takes images and files inside the results of tools. `signed_calls` = refuses calls
    in its history that have no signature (Gemini from 3 on).
    """

    tools: bool = True
    custom_tools: bool = False
    vision: bool = True
    documents: bool = True
    audio: bool = False
    thinking: ThinkingStyle = "none"
    structured: StructuredStyle = "native"
    thinking_off: Literal["disabled", "between_tools", "never"] = "disabled"
    efforts: tuple[str, ...] | None = None
    sampling: bool = True
    sampling_while_thinking: bool = True
    forced_tools: bool = True
    tools_while_thinking: bool = True
    structured_with_tools: bool = True
    media_in_results: bool = False
    signed_calls: bool = False
    web_search: bool = False
    prompt_cache: bool = False
    context: int | None = None
    max_output: int | None = None
    dialects: tuple[str, ...] = ()


class Quirks(msgspec.Struct, frozen=True, kw_only=True):
    """How a provider's wire differs from its dialect's document, as data. The same quirks run on the identity path and after
    a translation. Every row that sets one says why beside it.

    `rename`: top-level request fields under another name; `drop`: top-level fields that it rejects; `drop_message`: fields of messages
    that it rejects, as `role.field` or `*.field`; `set_fields`: fields that it needs, where the client set none. `tool_id`: `alnum9` =
    Mistral's nine alphanumeric characters. `stream_usage`: it takes `stream_options.include_usage`. `done`: its streams end with `[DONE]`.
    `system_role`: the name for system messages, where `developer` is not known.
    """

    rename: dict[str, str] = {}
    drop: tuple[str, ...] = ()
    drop_message: tuple[str, ...] = ()
    set_fields: dict[str, object] = {}
    tool_id: Literal["any", "alnum9"] = "any"
    stream_usage: bool = True
    done: bool = True
    system_role: Literal["any", "system"] = "any"
    reasoning_field: Literal["reasoning_content", "reasoning", "none"] = "reasoning_content"
    reasons: dict[str, str] = {}


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What a dialect needs to know of a target to encode a request for it. `model` is the provider's name for the model."""

    provider: str
    model: str
    capabilities: Capabilities
    quirks: Quirks
