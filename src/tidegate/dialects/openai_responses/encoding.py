"""What the parts of the request encoder share: whom they encode for, what got lost, and the names of fields in the client's own terms."""

import hashlib

from tidegate.dialects.names import fits, shortened
from tidegate.dialects.openai_responses.fields import NAME
from tidegate.dialects.reading import merge
from tidegate.dialects.receipt import BaseReceipt
from tidegate.dialects.terms import block_path, message_path
from tidegate.ir.content import CacheMark
from tidegate.ir.json import JsonObject

_LONGEST_NAME = 64
_LONGEST_ID = 64
"""OpenAI answers 400 `string_above_max_length` to a longer `call_id`."""


class Encoding(BaseReceipt):
    def message(self, index: int) -> str:
        return message_path(self.request, index)

    def block(self, index: int, at: int) -> str:
        return block_path(self.request, index, at)

    def tool_name(self, name: str, path: str) -> str:
        """A name that OpenAI takes; told once for each tool. `path` is that of the tool, call or choice."""
        if self.own or fits(name, _LONGEST_NAME):
            return name
        if name not in self.renamed:
            self.renamed.add(name)
            self.mapped(
                f"{path}.name", f"OpenAI takes {_LONGEST_NAME} letters, digits, _ and - in tool names: the answer has the client's again"
            )
        return shortened(name)

    def call_id(self, call_id: str) -> str:
        """An id that OpenAI takes; the same for a call and its result."""
        if self.own or len(call_id) <= _LONGEST_ID:
            return call_id
        return "call_" + hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).hexdigest()[:24]

    def attach(self, raw: JsonObject, extras: JsonObject, path: str) -> None:
        """Puts the extras of an object of the request where they belong, or reports them."""
        if self.own:
            merge(raw, extras)
        else:
            self.foreign_extras(extras, path)

    def foreign_extras(self, extras: JsonObject, path: str) -> None:
        """Fields that only the client's dialect knows. One that is null says nothing."""
        for field, value in extras.items():
            if value is not None:
                self.dropped(f"{path}.{field}" if path else field, f"a field of {self.request.dialect} that {NAME} does not have")

    def no_mark(self, cache: CacheMark | None, path: str) -> None:
        """OpenAI caches prompts unasked."""
        if cache is not None:
            self.dropped(f"{path}.cache_control" if path else self.name("cache"), "the target caches prompts unasked and has no marks")
