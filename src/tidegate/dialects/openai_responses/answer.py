"""The response object around an answer: what it repeats of the request, and items for its blocks. For whole answers and for streams."""

from tidegate.dialects.asked import Asked, CallIds, unwrapped
from tidegate.dialects.base import Stamp
from tidegate.dialects.openai_responses.answer_items import MESSAGE
from tidegate.dialects.openai_responses.builtins import BUILTINS, call_object
from tidegate.dialects.openai_responses.citations import encode_citation
from tidegate.dialects.openai_responses.encode_tools import echoed_tools, encode_choice
from tidegate.dialects.openai_responses.encoding import Encoding
from tidegate.dialects.openai_responses.fields import DONE, NAME
from tidegate.dialects.openai_responses.reasoning import item_for_client
from tidegate.dialects.values import object_or_empty, parse
from tidegate.ir.content import Base64Source, Block, Citation, Image, Native, Refusal, Text, Thinking, ToolUse
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.loss import Loss
from tidegate.ir.request import Request, Tool
from tidegate.ir.target import Capabilities, Profile, Quirks

_NOBODY = Profile(provider="", model="", capabilities=Capabilities(), quirks=Quirks())
_TIERS = {"standard": "default", **{tier: tier for tier in ("auto", "default", "flex", "scale", "priority", "fast", "ultrafast")}}


def echo(request: Request) -> JsonObject:
    """The fields of a response that repeat its request, with the defaults that OpenAI's answers have."""
    encoding = Encoding(request, _NOBODY, request.dialect == NAME)
    extras = request.extras
    choice = request.tool_choice
    reasoning = request.reasoning
    first = request.messages[0].blocks if request.instructions else []
    form: JsonObject = {"type": "text"}
    if request.output is not None:
        form = {"type": request.output.kind}
        if request.output.kind == "json_schema":
            form |= {"name": request.output.name or "", "schema": request.output.schema, "strict": request.output.strict}
    return {
        "background": bool(extras.get("background")),
        "frequency_penalty": request.frequency_penalty or 0.0,
        "instructions": first[0].text if first and isinstance(first[0], Text) else None,
        "max_output_tokens": request.max_tokens,
        "max_tool_calls": extras.get("max_tool_calls"),
        "metadata": request.metadata or {},
        "parallel_tool_calls": request.parallel_tool_calls is not False,
        "presence_penalty": request.presence_penalty or 0.0,
        "previous_response_id": extras.get("previous_response_id"),
        "prompt_cache_key": extras.get("prompt_cache_key"),
        "reasoning": {
            "effort": None if reasoning is None else reasoning.effort,
            "summary": None if reasoning is None else reasoning.display,
        },
        "safety_identifier": request.user,
        "store": request.store is not False,
        "temperature": 1.0 if request.temperature is None else request.temperature,
        "text": {"format": form, "verbosity": request.verbosity or "medium"},
        "tool_choice": extras.get("tool_choice", "auto") if choice is None else encode_choice(encoding, choice),
        "tools": echoed_tools(encoding),
        "top_logprobs": request.top_logprobs or 0,
        "top_p": 1.0 if request.top_p is None else request.top_p,
        "truncation": extras.get("truncation", "disabled"),
    }


def tier_of(tier: str | None) -> str:
    """OpenAI's word for the tier that served the call; its default where nobody else has one."""
    return _TIERS.get(tier or "", "default")


class AnswerItems:
    """Makes the items of one answer. `own` = the answer is of this dialect, so that its extras and native items are emitted."""

    def __init__(self, stamp: Stamp, request: Request, losses: list[Loss], *, own: bool) -> None:
        self.asked = Asked(request)
        self.ids = CallIds(stamp)
        self._builtins = {tool.name: tool.builtin for tool in request.tools if isinstance(tool, Tool) and tool.builtin is not None}
        self._stem = stamp.stem
        self._losses = losses
        self.own = own
        self._reported: set[int] = set()

    def item_id(self, kind: str, index: int) -> str:
        return f"{kind}_{self._stem}{index}"

    def item(self, block: Block, index: int, before: int) -> JsonObject | None:
        """The finished item of a block; None for one that a response has no form for, which is on the receipt then."""
        match block:
            case Text():
                return self.message(block.extras, [self.text_part(block.text, block.citations, block.extras, index, before)], index)
            case Refusal():
                return self.message({}, [{"type": "refusal", "refusal": block.text}], index)
            case Thinking():
                return item_for_client(block, self.item_id("rs", index), block.text, block.signature)
            case ToolUse():
                return self.call(block, self.ids.take(block.id), block.arguments, index)
            case Native(dialect=dialect, raw=raw) if dialect == NAME:
                return raw
            case Image(source=Base64Source(data=data)):
                found: JsonObject = {"id": self.item_id("ig", index), "type": "image_generation_call", "status": DONE, "result": data}
                return found | (block.extras if self.own else {})
            case Native(raw=raw):
                self._dropped(f"output[{index}]", f"a response has no place for {raw.get('type', 'this block')}")
            case _:
                self._dropped(f"output[{index}]", f"a response has no {type(block).__name__}")
        return None

    def message(self, extras: JsonObject, content: list[JsonObject], index: int, status: str = DONE) -> JsonObject:
        item: JsonObject = {
            "id": self.item_id("msg", index),
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": [*content],
        }
        return item | object_or_empty(extras.get(MESSAGE)) if self.own else item

    def text_part(self, text: str, citations: list[Citation], extras: JsonObject, index: int, before: int) -> JsonObject:
        annotations: list[Json] = []
        for citation in citations:
            annotation = self.annotation(citation, index, before, len(text))
            if annotation is not None:
                annotations.append(annotation)
        part: JsonObject = {"type": "output_text", "text": text, "annotations": annotations, "logprobs": []}
        return part | {name: value for name, value in extras.items() if name != MESSAGE} if self.own else part

    def annotation(self, citation: Citation, index: int, before: int, length: int) -> JsonObject | None:
        found = encode_citation(citation, before, length)
        if found is None and index not in self._reported:
            self._reported.add(index)
            self._dropped(f"output[{index}].annotations", "OpenAI cites addresses only")
        return found

    def call(self, block: ToolUse, call_id: str, arguments: str, index: int, status: str = DONE) -> JsonObject:
        """A call's item: of a function, of a free-text tool, or of one that the client's dialect has built in."""
        name = self.asked.name(block)
        builtin = BUILTINS.get(block.builtin or self.builtin(block) or "")
        if builtin is not None:
            try:
                given: Json = parse(arguments.encode())
            except ValueError:
                given = None
            item: JsonObject = {"id": self.item_id(builtin.call[:3], index), "type": builtin.call, "call_id": call_id, "status": status}
            return {**item, **builtin.beside, builtin.field: call_object(builtin, given)}
        if block.signature is not None:
            # The gateway remembers it by the call's id.
            self._losses.append(
                Loss("emulated", f"output[{index}].extra_content", "kept for the next turn: it has no place in a function call")
            )
        if block.kind == "custom" or self.asked.wrapped(block):
            text = arguments if block.kind == "custom" else unwrapped(arguments)
            item = {"id": self.item_id("ctc", index), "type": "custom_tool_call", "call_id": call_id, "name": name, "input": text}
            item["status"] = status
        else:
            item = {"id": self.item_id("fc", index), "type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}
            item["status"] = status
        return item | block.extras if self.own else item

    def builtin(self, block: ToolUse) -> str | None:
        """The type of the client's own tool that a function stands for."""
        return self._builtins.get(self.asked.name(block))

    def _dropped(self, path: str, reason: str) -> None:
        self._losses.append(Loss("dropped", path, reason))
