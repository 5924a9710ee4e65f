"""Decides what the sandbox answers: a turn and its script in, an answer out, in neither wire format. Pure and without chance.

The two dialects read their request into a `Turn` and write the `Answer`; pacing, failing and counting are `deliver`'s.
"""

import json
import re

import msgspec

from tidegate.sandbox.schema import sample
from tidegate.sandbox.script import Script
from tidegate.sandbox.values import Json, Obj, digest, pieces_of, slices_of

LABEL = "[tidegate sandbox]"
HELP = (
    "No real model was asked. To reach one, set ANTHROPIC_API_KEY or OPENAI_API_KEY (or add a provider to tidegate.yaml) and ask for "
    "its model, for example anthropic/claude-sonnet-4-5."
)
MODELS = ("echo", "fixed", "story", "tools", "reasoner", "json", "vision")
_STORY = (
    "the harbour wakes as slow grey water turns below the gate and small boats lean into morning while gulls argue over rope salt lanterns "
    "stones wind bread bells and an old map that nobody has read since winter"
)
_WORDS = _STORY.split()


class Offered(msgspec.Struct, frozen=True):
    """A tool that the client offers: its name and the JSON schema of its arguments."""

    name: str
    schema: Json


class Attachment(msgspec.Struct, frozen=True):
    """An image or a file that came with the request: its media type and either its size in bytes or its address."""

    media_type: str
    size: int | None = None
    url: str | None = None

    def described(self) -> str:
        return f"{self.media_type} ({self.size} bytes)" if self.size is not None else f"{self.media_type} at {self.url}"


class Turn(msgspec.Struct):
    """What a request asks for, read from either wire format. `forced` is a tool's name, or `*` for any tool."""

    model: str
    text: str = ""
    tools: list[Offered] = []
    forced: str | None = None
    tools_allowed: bool = True
    tool_results: list[str] = []
    attachments: list[Attachment] = []
    structured: bool = False
    schema: Json = None
    thinking: bool = False
    max_tokens: int | None = None
    stops: list[str] = []
    input_tokens: int = 1
    choices: int = 1
    stream: bool = False
    include_usage: bool = False
    logprobs: bool = False


class Text(msgspec.Struct):
    """Answer text as its tokens."""

    pieces: list[str]


class Thinking(msgspec.Struct):
    """Reasoning text as its tokens."""

    pieces: list[str]


class Redacted(msgspec.Struct):
    """A block of reasoning that is not shown. Counts as one token."""

    data: str


class Call(msgspec.Struct):
    """A tool call; the pieces joined are its arguments as JSON, unless a script wants them broken. `id` is empty if none is scripted."""

    name: str
    pieces: list[str]
    id: str = ""


class Search(msgspec.Struct):
    """A web search that the provider did by itself. Counts as one token."""

    query: str


class Answer(msgspec.Struct):
    """One answer. `stop` is `end`, `length`, `tool`, `stop_sequence`, `refusal`, or the very word to send."""

    parts: list[Text | Thinking | Redacted | Call | Search]
    stop: str
    stop_sequence: str | None = None
    refused: bool = False

    @property
    def tokens(self) -> int:
        """All tokens of the answer: those of reasoning too."""
        return sum(len(part.pieces) if isinstance(part, Text | Thinking | Call) else 1 for part in self.parts)

    @property
    def reasoning_tokens(self) -> int:
        return sum(len(part.pieces) if isinstance(part, Thinking) else 1 for part in self.parts if isinstance(part, Thinking | Redacted))


def compose(turn: Turn, script: Script, seed: int) -> Answer:
    """The answer to this turn. Equal arguments give equal answers."""
    scripted = script.text is not None or script.n is not None or script.tool_calls or script.refusal
    answer = _scripted(turn, script, seed) if scripted else _ordinary(turn, script, seed)
    answer.parts[:0] = _reasoning(turn, script, seed)
    if turn.stops:
        _stop_at(answer, turn.stops)
    if turn.max_tokens is not None and answer.tokens > turn.max_tokens:
        _shorten(answer, turn.max_tokens)
    if script.stop is not None:
        answer.stop = script.stop
    return answer


def story(seed: int, n: int) -> list[str]:
    """`n` words that depend on the seed alone."""
    if n <= 0:
        return []
    start = int(digest("story", seed)[:8], 16)
    words = [_WORDS[(start + index * (1 + start % 7) + index // len(_WORDS)) % len(_WORDS)] for index in range(n)]
    return [words[0].capitalize(), *(f" {word}" for word in words[1:])]


def _scripted(turn: Turn, script: Script, seed: int) -> Answer:
    if script.refusal:
        text = script.refusal if isinstance(script.refusal, str) else f"{LABEL} I cannot help with that."
        return Answer([Text(pieces_of(text))], "refusal", refused=True)
    answer = Answer([], "end")
    if script.web_search is not None:
        answer.parts.append(Search(script.web_search))
    if script.text is not None:
        pieces = pieces_of(script.text)
        if script.n is not None and pieces:
            pieces = (pieces * (script.n // len(pieces) + 1))[: script.n]
        answer.parts.append(Text(pieces))
    elif script.n is not None:
        answer.parts.append(Text(story(seed, script.n)))
    for call in script.tool_calls:
        arguments = call.arguments if isinstance(call.arguments, str) else _compact(call.arguments)
        answer.parts.append(Call(call.name, slices_of(arguments), call.id or ""))
    if script.tool_calls:
        answer.stop = "tool"
    return answer


def _ordinary(turn: Turn, script: Script, seed: int) -> Answer:
    model = turn.model.rpartition("/")[2]
    tool = _tool_to_call(turn, model)
    if tool is not None:
        return Answer([Call(tool.name, slices_of(_compact(sample(tool.schema))))], "tool")
    if turn.structured or model == "json":
        free: Obj = {"sandbox": True, "message": f"{LABEL} {turn.text}"}
        value = free if turn.schema is None else sample(turn.schema)
        return Answer([Text(slices_of(_compact(value), 12))], "end")
    parts: list[Text | Thinking | Redacted | Call | Search] = []
    if script.web_search is not None:
        parts.append(Search(script.web_search))
    parts.append(Text(_plain_text(turn, model, seed)))
    return Answer(parts, "end")


def _tool_to_call(turn: Turn, model: str) -> Offered | None:
    if not turn.tools or not turn.tools_allowed:
        return None
    if turn.forced is not None:
        return next((tool for tool in turn.tools if tool.name == turn.forced), turn.tools[0])
    if turn.tool_results:
        return None
    if model == "tools":
        return turn.tools[0]
    return next((tool for tool in turn.tools if re.search(rf"(?<!\w){re.escape(tool.name)}(?!\w)", turn.text)), None)


def _plain_text(turn: Turn, model: str, seed: int) -> list[str]:
    match model:
        case "echo":
            return pieces_of(turn.text or LABEL)
        case "fixed":
            return pieces_of(f"{LABEL} This is the fixed answer.")
        case "story":
            return [f"{LABEL} ", *story(seed, 60)]
        case "vision":
            return pieces_of(_seen(turn))
        case _:
            pass
    if turn.tool_results:
        return pieces_of(f"{LABEL} The tool answered: {' | '.join(turn.tool_results)[:400]}")
    said = turn.text if len(turn.text) <= 200 else f"{turn.text[:200]}…"
    sights = f" {_seen(turn).removeprefix(LABEL).strip()}" if turn.attachments else ""
    return pieces_of(f"{LABEL} This is a canned answer to: {said!r}.{sights} {HELP}")


def _seen(turn: Turn) -> str:
    if not turn.attachments:
        return f"{LABEL} I received no attachments."
    count = len(turn.attachments)
    noun = "attachment" if count == 1 else "attachments"
    return f"{LABEL} I received {count} {noun}: {', '.join(item.described() for item in turn.attachments)}."


def _reasoning(turn: Turn, script: Script, seed: int) -> list[Thinking | Redacted]:
    parts: list[Thinking | Redacted] = []
    if script.reasoning_text is not None:
        parts.append(Thinking(pieces_of(script.reasoning_text)))
    elif script.reasoning is not None:
        parts.append(Thinking(story(seed + 1, script.reasoning)))
    elif turn.thinking or turn.model.rpartition("/")[2] == "reasoner":
        parts.append(Thinking(pieces_of(f"Let me think about this. {''.join(story(seed + 1, 8))}.")))
    parts += [Redacted(digest("redacted", seed, index)) for index in range(script.redacted)]
    return [part for part in parts if not isinstance(part, Thinking) or part.pieces]


def _stop_at(answer: Answer, stops: list[str]) -> None:
    """Ends the answer before the first of the stop sequences that its text has."""
    for index, part in enumerate(answer.parts):
        if not isinstance(part, Text):
            continue
        text = "".join(part.pieces)
        found = [(at, stop) for stop in stops if stop and (at := text.find(stop)) >= 0]
        if found:
            at, stop = min(found)
            part.pieces = _prefix(part.pieces, at)
            del answer.parts[index + (1 if at else 0) :]
            answer.stop, answer.stop_sequence = "stop_sequence", stop
            return


def _prefix(pieces: list[str], length: int) -> list[str]:
    kept: list[str] = []
    for piece in pieces:
        if length <= 0:
            break
        kept.append(piece[:length])
        length -= len(piece)
    return kept


def _shorten(answer: Answer, limit: int) -> None:
    answer.stop, answer.stop_sequence = "length", None
    left = limit
    for index, part in enumerate(answer.parts):
        if left <= 0:
            del answer.parts[index:]
            return
        if isinstance(part, Text | Thinking | Call):
            part.pieces = part.pieces[:left]
            left -= len(part.pieces)
        else:
            left -= 1


def _compact(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
