"""What must hold of an answer that came out of a recording: the invariants of the recordings' README, as a list of what is broken."""

import json
import re
from typing import Any

from tests.conformance.replay.answer import Answer, arguments_of
from tests.support.recordings import Exchange

_SECTIONS = re.compile(rb"\r\n\r\n|\n\n")
_CACHE_COUNT = re.compile(rb'"(\w*cache\w*)"\s*:\s*(\d+)')
_TO_CHAT = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "stop": "stop",
    "eos": "stop",
    "tool_use": "tool_calls",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "length": "length",
    "refusal": "content_filter",
    "content_filter": "content_filter",
    "completed": "stop",
    "complete": "stop",
    "incomplete:max_output_tokens": "length",
    "incomplete:content_filter": "content_filter",
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "BLOCK:MODEL_ARMOR": "content_filter",
    "1": "stop",
    "2": "length",
}
_TO_RESPONSES = {
    "stop": "completed",
    "tool_calls": "completed",
    "length": "incomplete:max_output_tokens",
    "content_filter": "incomplete:content_filter",
}
_TO_GEMINI = {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}
_TO_MESSAGES = {"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens", "content_filter": "refusal"}


def broken(exchange: Exchange, client: str, answer: Answer, *, usage_told: bool) -> list[str]:
    """What is wrong with the answer that a client of the dialect `client` got. `usage_told` = it must tell usage where the provider did."""
    flaws = list(answer.flaws)
    error = _message_of(exchange.expect.get("error"))
    if exchange.status != 200:
        return flaws + _refused(exchange, answer, error)
    if "stream_error" in exchange.kinds:
        return flaws + _stream_error(answer, error)
    if answer.status != 200 or answer.error is not None:
        return [*flaws, f"status {answer.status} with {answer.error}"]
    flaws += _text(exchange, answer)
    flaws += _calls(exchange, client, answer)
    flaws += _finish(exchange, client, answer)
    if usage_told:
        flaws += _usage(exchange, client, answer)
    return flaws


def _message_of(error: Any) -> str:
    """The provider's own words, wherever its error body has them."""
    while isinstance(error, dict) and not isinstance(error.get("message"), str):
        error = error.get("error")
    return error["message"] if isinstance(error, dict) else ""


def _refused(exchange: Exchange, answer: Answer, message: str) -> list[str]:
    flaws: list[str] = []
    if answer.status != exchange.status:
        flaws.append(f"status {answer.status}, the provider said {exchange.status}")
    if message not in str((answer.error or {}).get("message")):
        flaws.append(f"error {answer.error}, the provider said {message!r}")
    return flaws


def _stream_error(answer: Answer, message: str) -> list[str]:
    told = answer.error is not None and message in str(answer.error.get("message"))
    return [] if told else [f"the stream's error is lost: status {answer.status}, {answer.error}"]


def _text(exchange: Exchange, answer: Answer) -> list[str]:
    flaws: list[str] = []
    wanted = exchange.expect.get("text") or _object_content(exchange)
    refusal = _refusal(exchange)
    if answer.text + answer.refusal != wanted + refusal and "audio_out" not in exchange.kinds:
        flaws.append(f"text {answer.text[-200:]!r} refusal {answer.refusal!r}, expected {wanted[-200:]!r} and {refusal!r}")
    reasoning = (exchange.expect.get("reasoning") or "") + _raw_reasoning(exchange)
    if answer.reasoning != reasoning:
        flaws.append(f"reasoning {answer.reasoning[-200:]!r}, expected {reasoning[-200:]!r}")
    return flaws


def _calls(exchange: Exchange, client: str, answer: Answer) -> list[str]:
    wanted = [(call["name"], call["args"]) for call in exchange.expect.get("tool_calls") or []] or _legacy_call(exchange)
    if client in ("anthropic", "gemini"):
        # Its tools take objects only: the text of an OpenAI custom tool's call stands in one.
        wanted = [(name, args if isinstance(args, dict) else {"input": args}) for name, args in wanted]
    got = [(call.name, call.arguments) for call in answer.calls]
    flaws = [] if got == wanted else [f"tool calls {got}, expected {wanted}"]
    ids = [call.get("id") for call in exchange.expect.get("tool_calls") or []]
    if ids and all(ids) and len(set(ids)) == len(ids) and [call.id for call in answer.calls] != ids:
        flaws.append(f"tool call ids {[call.id for call in answer.calls]}, expected {ids}")
    return flaws


def _finish(exchange: Exchange, client: str, answer: Answer) -> list[str]:
    word = exchange.expect.get("stop")
    word = str(word) if isinstance(word, int) else word
    if word is None or word not in _TO_CHAT:
        return []
    wanted = _TO_CHAT[word]
    if wanted == "stop" and answer.calls:
        wanted = "tool_calls"
    allowed = {wanted, "content_filter"} if "refusal" in exchange.kinds else {wanted}
    if client == "openai_responses":
        # A refusal in the model's own words is an ordinary end.
        return [] if answer.finish in {_TO_RESPONSES[name] for name in allowed} else [f"finish {answer.finish!r} for {word!r}"]
    if client == "gemini":
        if exchange.dialect == "gemini":
            return [] if str(answer.finish) in (word, _TO_GEMINI[_TO_CHAT[word]]) else [f"finish {answer.finish!r} for {word!r}"]
        return [] if answer.finish in {_TO_GEMINI[name] for name in allowed} else [f"finish {answer.finish!r} for {word!r}"]
    if client == "anthropic":
        allowed = {_TO_MESSAGES[name] for name in allowed}
        if word == "stop_sequence":
            allowed = {"stop_sequence"}
        elif word == "model_context_window_exceeded":
            allowed = {word}
    return [] if answer.finish in allowed else [f"finish {answer.finish!r} for {word!r}, expected {sorted(allowed)}"]


def _usage(exchange: Exchange, client: str, answer: Answer) -> list[str]:
    usage = exchange.expect.get("usage") or {}
    if not usage:
        return []
    told, flaws = answer.usage, list[str]()
    if exchange.dialect == "openai_responses":
        prompt, output, cached = usage["input_tokens"], usage["output_tokens"], usage.get("cached_tokens") or 0
        written = _cached(exchange, "writ")
    elif exchange.dialect == "gemini":
        prompt = usage.get("promptTokenCount", 0) + usage.get("toolUsePromptTokenCount", 0)
        output = usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0)
        cached, written = usage.get("cachedContentTokenCount", 0), 0
    elif "input_tokens" in usage:
        cached, written = usage.get("cache_read_input_tokens") or 0, usage.get("cache_creation_input_tokens") or 0
        prompt, output = usage["input_tokens"] + cached + written, usage["output_tokens"]
    else:
        prompt, output = usage["prompt_tokens"], usage["completion_tokens"]
        cached = _cached(exchange, "read")
        # OpenRouter has told the same tokens as written and as read (pydantic-ai-f09a477c51ff): they cannot be both.
        written = _cached(exchange, "writ") if cached + _cached(exchange, "writ") <= prompt else 0
    if client == "gemini":
        spent = told.get("candidatesTokenCount", 0) + told.get("thoughtsTokenCount", 0)
        read = told.get("promptTokenCount", 0) + told.get("toolUsePromptTokenCount", 0)
        got = (read, spent, told.get("cachedContentTokenCount", 0))
        if told.get("totalTokenCount") != prompt + output:
            flaws.append(f"usage {told}: the total is not the sum")
    elif client == "openai_responses":
        got = (told.get("input_tokens"), told.get("output_tokens"), told.get("cached_tokens", 0))
        if told.get("total_tokens") != prompt + output:
            flaws.append(f"usage {told}: the total is not the sum")
    elif client == "openai_chat":
        got = (told.get("prompt_tokens"), told.get("completion_tokens"), told.get("cached_tokens", 0))
        if told.get("total_tokens") not in (prompt + output, usage.get("total_tokens")):
            flaws.append(f"usage {told}: the total is not the sum")
    else:
        read, made = told.get("cache_read_input_tokens", 0), told.get("cache_creation_input_tokens", 0)
        got = (told.get("input_tokens", 0) + read + made, told.get("output_tokens"), read)
        if made != written:
            flaws.append(f"usage {told}: {written} tokens were written to a cache")
    if got != (prompt, output, cached):
        flaws.append(f"usage (prompt, output, cached) {got}, expected {(prompt, output, cached)}")
    return flaws


def _cached(exchange: Exchange, what: str) -> int:
    """The tokens that an OpenAI-shaped provider read from a cache or wrote to it, whatever it calls them."""
    if b"cache" not in exchange.answer:
        return 0
    found = [int(number) for name, number in _CACHE_COUNT.findall(exchange.answer) if what == _cache_kind(name)]
    return max(found, default=0)


def _cache_kind(name: bytes) -> str:
    if b"miss" in name:
        return ""
    return "writ" if b"writ" in name or b"creat" in name else "read"


def _message(exchange: Exchange) -> dict[str, Any]:
    """The message of a whole OpenAI answer. Azure leaves it out where a filter struck (openllmetry-e27cbf301083)."""
    if exchange.streamed or exchange.dialect != "openai_chat":
        return {}
    return json.loads(exchange.answer)["choices"][0].get("message") or {}


def _object_content(exchange: Exchange) -> str:
    """Cloudflare gives structured output as an object (chatlas-a53b8a168797); clients know text only."""
    content = _message(exchange).get("content")
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False) if isinstance(content, dict) else ""


def _refusal(exchange: Exchange) -> str:
    """OpenAI's `refusal`, which the recordings' `expect` knows only as a flag."""
    if exchange.dialect != "openai_chat" or "refusal" not in exchange.kinds:
        return ""
    if not exchange.streamed:
        return _message(exchange).get("refusal") or ""
    chunks = [json.loads(part[6:]) for part in _SECTIONS.split(exchange.answer) if part.startswith(b"data: {")]
    return "".join(choice["delta"].get("refusal") or "" for chunk in chunks for choice in chunk["choices"][:1])


def _raw_reasoning(exchange: Exchange) -> str:
    """Reasoning in the words of the model itself (`reasoning_text`), where `expect` knows its summaries only."""
    if exchange.dialect != "openai_responses" or b'"reasoning_text"' not in exchange.answer:
        return ""
    response = json.loads(exchange.answer) if not exchange.streamed else _last_response(exchange.answer)
    items = [item for item in response["output"] if item["type"] == "reasoning"]
    return "".join(part["text"] for item in items for part in item.get("content") or [] if part["type"] == "reasoning_text")


def _last_response(answer: bytes) -> dict[str, Any]:
    events = [line for part in _SECTIONS.split(answer) for line in part.splitlines() if line.startswith(b"data: {")]
    return json.loads(events[-1][6:])["response"]


def _legacy_call(exchange: Exchange) -> list[tuple[str, Any]]:
    """OpenAI's `function_call` of the time before tools, which the recordings' `expect` knows only as a flag."""
    call = _message(exchange).get("function_call") or {}
    return [(call["name"], arguments_of(call["arguments"]))] if call.get("name") else []
