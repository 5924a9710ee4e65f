"""Reads an OpenAI chat completions request as strictly as OpenAI does, and refuses with OpenAI's words. Pure; used by `openai`.

Rules: https://platform.openai.com/docs/api-reference/chat/create and what its API is seen to answer. `lenient` leaves out the refusal of
fields that are not known, for those who send the extra fields of other OpenAI-compatible providers.
"""

import re
from collections.abc import Mapping

from tidegate.sandbox import openai_messages
from tidegate.sandbox.answer import Turn
from tidegate.sandbox.openai_refusal import invalid_type, out_of_range, unknown
from tidegate.sandbox.openai_tools import read_format, read_tools
from tidegate.sandbox.values import Obj, RequestRefused, as_object, names, token_estimate

_KNOWN = names(
    "audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens messages metadata modalities "
    "model moderation n parallel_tool_calls prediction presence_penalty prompt_cache_key prompt_cache_options prompt_cache_retention "
    "reasoning_effort response_format safety_identifier seed service_tier stop store stream stream_options temperature tool_choice "
    "tools top_logprobs top_p user verbosity web_search_options"
)
_REASONING_MODEL = re.compile(r"(?:^|/)(?:o\d|gpt-5)")
_RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
}


def read(body: Obj, _headers: Mapping[str, str], lenient: bool) -> Turn:
    """The turn that the request asks for. Raises `RequestRefused` as OpenAI would."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise RequestRefused("you must provide a model parameter")
    if not lenient:
        for name in body:
            if name not in _KNOWN:
                raise unknown(name)
    messages = openai_messages.check(body, lenient)
    _check_numbers(body)
    _check_limits(body, model)
    _check_companions(body)
    turn = Turn(model=model, stream=body.get("stream") is True)
    read_tools(turn, body, lenient)
    read_format(turn, body, messages, lenient)
    _read_limits(turn, body)
    openai_messages.read_last(turn, messages)
    turn.thinking = body.get("reasoning_effort") not in {None, "none"}
    turn.logprobs = body.get("logprobs") is True
    turn.input_tokens = max(1, token_estimate(body.get("messages")) + token_estimate(body.get("tools")) + 3 * len(messages))
    return turn


def _check_numbers(body: Obj) -> None:
    for name, (low, high) in _RANGES.items():
        value = body.get(name)
        if value is None:
            continue
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise invalid_type(name, "a decimal", value)
        if not low <= value <= high:
            raise out_of_range(name, value, low, high)


def _check_limits(body: Obj, model: str) -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        value = body.get(name)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool):
            raise invalid_type(name, "an integer", value)
        if value < 1:
            message = f"Invalid '{name}': integer below minimum value. Expected a value >= 1, but got {value} instead."
            raise RequestRefused(message, name, "integer_below_min_value")
    if body.get("max_tokens") is None:
        return
    if body.get("max_completion_tokens") is not None:
        message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        raise RequestRefused(message, "max_tokens", "invalid_parameter_combination")
    if _REASONING_MODEL.search(model):
        message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        raise RequestRefused(message, "max_tokens", "unsupported_parameter")


def _check_companions(body: Obj) -> None:
    """Fields that may stand only beside another."""
    if body.get("stream_options") is not None and body.get("stream") is not True:
        message = "Invalid value for 'stream_options': the 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise RequestRefused(message, "stream_options")
    for name in ("tool_choice", "parallel_tool_calls"):
        if body.get(name) is not None and not body.get("tools"):
            raise RequestRefused(f"Invalid value for '{name}': '{name}' is only allowed when 'tools' are specified.", name)
    if body.get("top_logprobs") is not None and body.get("logprobs") is not True:
        raise RequestRefused("Invalid value for 'top_logprobs': 'logprobs' must be set to true.", "top_logprobs")


def _read_limits(turn: Turn, body: Obj) -> None:
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    turn.max_tokens = limit if isinstance(limit, int) else None
    count = body.get("n")
    if count is not None:
        if not isinstance(count, int) or isinstance(count, bool):
            raise invalid_type("n", "an integer", count)
        if not 1 <= count <= 4:
            raise RequestRefused(f"Invalid 'n': the sandbox gives 1 to 4 choices, but got {count}.", "n", "integer_above_max_value")
        turn.choices = count
    stop = body.get("stop")
    if isinstance(stop, str):
        turn.stops = [stop]
    elif isinstance(stop, list):
        turn.stops = [item for item in stop if isinstance(item, str)]
    if len(turn.stops) > 4:
        message = f"Invalid 'stop': array too long. Expected an array with maximum length 4, but got one with length {len(turn.stops)}."
        raise RequestRefused(message, "stop", "array_above_max_length")
    turn.include_usage = as_object(body.get("stream_options")).get("include_usage") is True
