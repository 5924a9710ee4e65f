"""What the parts of this dialect share: its name, its words for formats, and where marks of the prompt cache stand."""

from typing import Any

from tidegate.dialects.reading import take_opt_str
from tidegate.ir.content import CacheMark, Document, Image, Text, ToolResult, ToolUse
from tidegate.ir.json import JsonObject
from tidegate.ir.request import Tool

NAME = "bedrock_converse"
IMAGE_FORMATS = ("png", "jpeg", "gif", "webp")
DOCUMENT_TYPES = {
    "pdf": "application/pdf",
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "html": "text/html",
    "txt": "text/plain",
    "md": "text/markdown",
}
DOCUMENT_FORMATS = {media_type: name for name, media_type in DOCUMENT_TYPES.items()} | {"application/json": "txt"}
"""JSON is text, and no format of its own."""
AUDIO_FORMATS = ("mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "mka", "x-aac", "m4a", "mpeg", "mpga", "pcm", "webm")
GUARD = "guardContent"
CITED = "citationsContent"
POINT = "cachePoint"
Marked = Text | Image | Document | ToolUse | ToolResult | Tool


def take_point(raw: JsonObject, path: str) -> CacheMark | None:
    """The mark that a `{"cachePoint": …}` of a list says; None where the object is something else."""
    point = raw.get(POINT)
    if len(raw) != 1 or type(point) is not dict:
        return None
    left: JsonObject = dict(point)
    ttl = take_opt_str(left, "ttl", f"{path}.{POINT}")
    if left.get("type") == "default":
        del left["type"]
    return CacheMark(ttl, left)


def point_of(mark: CacheMark, *, own: bool) -> JsonObject:
    """The mark as an entry of a list."""
    point: JsonObject = {"type": "default"}
    if mark.ttl is not None:
        point["ttl"] = mark.ttl
    if own:
        point |= mark.extras
    return {POINT: point}


def may_carry(block: Any) -> bool:
    """Whether a block or tool has a place for a mark that is still free."""
    return isinstance(block, Marked) and block.cache is None
