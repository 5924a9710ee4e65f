"""The receipt of one request encoding, and what every part of the encoder asks of its target."""

import hashlib
import re
from typing import cast

from tidegate.dialects.bedrock_converse.fields import point_of
from tidegate.dialects.names import fits, shortened
from tidegate.dialects.receipt import BaseReceipt
from tidegate.ir.content import CacheMark
from tidegate.ir.json import Json, JsonObject

# Objects of other dialects that are read field by field: what is left of one among the extras is named by its own fields.
_READ_IN_PART = frozenset(
    (
        "custom",
        "file",
        "function",
        "image_url",
        "input_audio",
        "json_schema",
        "metadata",
        "output_config",
        "reasoning",
        "response_format",
        "stream_options",
        "tool_choice",
        "user_location",
        "web_search_options",
    )
)
_LONGEST_NAME = 64
_LONGEST_ID = 64
_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_MOST_MARKS = 4
"""As many as Claude takes on Bedrock (user guide, prompt caching); other models take no more."""


class Receipt(BaseReceipt):
    """`marks` are the cache points of other dialects' requests, each with where it stands and its path; `documents` the names given to
    documents."""

    marks: list[tuple[list[Json], JsonObject, str]] = []
    documents: set[str] = set()

    def foreign_extras(self, extras: JsonObject, path: str) -> None:
        """Fields of another dialect that nobody models. One that is null says nothing."""
        for name, value in extras.items():
            where = f"{path}.{name}" if path else name
            if name in _READ_IN_PART and type(value) is dict:
                self.foreign_extras(cast("JsonObject", value), where)
            elif value is not None:
                self.dropped(where, "Converse has no such field")

    def mark(self, out: list[Json], cache: CacheMark | None, path: str) -> None:
        """Puts a cache point behind what stands last in `out`."""
        if cache is None:
            return
        if not (self.own or self.profile.capabilities.prompt_cache):
            self.dropped(f"{path}.cache_control", "this model has no prompt-cache marks")
            return
        point = point_of(cache, own=self.own)
        out.append(point)
        if not self.own:
            self.marks.append((out, point, path))
            self.foreign_extras(cache.extras, f"{path}.cache_control")

    def limit_marks(self) -> None:
        """The last marks cover the longest prefixes."""
        for out, point, path in self.marks[:-_MOST_MARKS]:
            out[:] = [entry for entry in out if entry is not point]
            self.dropped(f"{path}.cache_control", f"Bedrock takes {_MOST_MARKS} cache points: the last are kept")

    def tool_name(self, name: str, path: str, kind: str) -> str:
        """A name that Bedrock takes; told once for each tool. `path` is that of the tool, call or choice."""
        if self.own or fits(name, _LONGEST_NAME):
            return name
        if name not in self.renamed:
            self.renamed.add(name)
            self.mapped(
                self.inner(path, kind, "name"),
                f"Bedrock takes {_LONGEST_NAME} letters, digits, _ and - in tool names: the answer has the client's again",
            )
        return shortened(name)

    def tool_id(self, identity: str, path: str) -> str:
        """An id that Bedrock takes; the same for a use and its result."""
        if self.own or _ID.fullmatch(identity):
            return identity
        self.mapped(path, f"Bedrock takes {_LONGEST_ID} letters, digits, _ and - in tool ids")
        return "tooluse_" + hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:24]

    def document_name(self, name: str) -> str:
        """`name`, or a number behind it where a document before has the same: Bedrock refuses that."""
        found, number = name, 1
        while found in self.documents:
            number += 1
            found = f"{name} ({number})"
        self.documents.add(found)
        return found
