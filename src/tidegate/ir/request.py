"""A request for a generation, in neutral terms. `dialect` says whose `extras` these are."""

from typing import Literal, TypeAlias

import msgspec

from tidegate.ir.content import Block, CacheMark
from tidegate.ir.json import Json, JsonObject

Role = Literal["system", "developer", "user", "assistant", "tool"]


class Message(msgspec.Struct):
    """Roles as the client wrote them. Anthropic's top-level `system` is a leading `system` message. Tool results are
    `ToolResult` blocks, in a `tool` message (one per OpenAI tool message) or in a `user` message (Anthropic). `id` numbers the
    item in dialects that do so (Responses); it means nothing elsewhere. A turn may be several messages of one role in a row."""

    role: Role
    blocks: list[Block]
    name: str | None = None
    extras: JsonObject = {}
    id: str | None = None


class Tool(msgspec.Struct):
    """A tool that the client runs. `schema` is JSON Schema for `function` tools; `format` is the grammar of a `custom`
    (free text) tool as OpenAI writes it. `builtin` is the type of a tool that the client's dialect knows without a schema, though the
    client runs it (Responses' `local_shell`): other dialects are offered it as a function. `own_schema` is the schema as the client's
    dialect wrote it where that is not JSON Schema (Gemini's `parameters`)."""

    name: str
    description: str | None = None
    schema: Json = None
    strict: bool | None = None
    kind: Literal["function", "custom"] = "function"
    format: JsonObject | None = None
    cache: CacheMark | None = None
    extras: JsonObject = {}
    builtin: str | None = None
    own_schema: Json = None


class WebSearch(msgspec.Struct):
    """The provider's own web search. `user_location` is `{city, region, country, timezone}` as both dialects have it."""

    context_size: str | None = None
    user_location: JsonObject | None = None
    allowed_domains: list[str] | None = None
    blocked_domains: list[str] | None = None
    max_uses: int | None = None
    raw: JsonObject = {}


class NativeTool(msgspec.Struct):
    """A provider-run or provider-defined tool that only `dialect` understands."""

    dialect: str
    raw: JsonObject


AnyTool: TypeAlias = Tool | WebSearch | NativeTool


class ToolChoice(msgspec.Struct, frozen=True):
    """`tool` names one tool in `names`; `allowed` restricts to `names` with `required` saying whether one must be used."""

    mode: Literal["auto", "none", "required", "tool", "allowed"]
    names: tuple[str, ...] = ()
    required: bool = False


class Reasoning(msgspec.Struct, frozen=True):
    """How much to think. `effort` is a word (`none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`); `budget` is in tokens.
    `mode` is Anthropic's: `enabled` (with a budget), `adaptive`, `disabled`. `display` is the provider's word. `form` is the field in which
    it was said, for a dialect that has several."""

    mode: Literal["enabled", "adaptive", "disabled"] = "enabled"
    effort: str | None = None
    budget: int | None = None
    display: str | None = None
    extras: JsonObject = {}
    form: str = ""


class OutputFormat(msgspec.Struct, frozen=True):
    """Structured output: any JSON object, or JSON that fits `schema`. `own_schema`: see `Tool`."""

    kind: Literal["json_object", "json_schema"]
    name: str | None = None
    description: str | None = None
    schema: Json = None
    strict: bool | None = None
    own_schema: Json = None


class Request(msgspec.Struct, kw_only=True):
    """`max_tokens` counts output tokens, reasoning included. `user` identifies the client's end user. `metadata` is
    OpenAI's key-value map. `cache` is a mark on the whole prompt (Anthropic's top-level `cache_control`). `legacy_functions`: the client
    offered its tools as OpenAI's `functions`, and knows calls as `function_call` only. `instructions`: the first message stood apart from
    the others (Responses' `instructions`). `store`: whoever answers is to keep the answer. `encrypted_reasoning`: the client keeps signed
    reasoning itself. `own_only` are fields without which the request means something else and that only its own dialect can honour (a
    stored prompt): it is refused elsewhere. `modalities` are the kinds of output that are asked for where they are not text alone (`image`,
    `audio`)."""

    dialect: str
    model: str
    messages: list[Message]
    tools: list[AnyTool] = []
    legacy_functions: bool = False
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: list[str] = []
    stream: bool = False
    include_usage: bool = False
    reasoning: Reasoning | None = None
    output: OutputFormat | None = None
    verbosity: str | None = None
    n: int | None = None
    seed: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: JsonObject | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    user: str | None = None
    metadata: JsonObject | None = None
    service_tier: str | None = None
    cache: CacheMark | None = None
    instructions: bool = False
    store: bool | None = None
    encrypted_reasoning: bool = False
    own_only: tuple[str, ...] = ()
    modalities: list[str] = []
    extras: JsonObject = {}
