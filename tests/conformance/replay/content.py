"""What a request says, whatever its dialect."""

import base64
import binascii
import json
from collections.abc import Iterator
from typing import Any


class Content:
    """What a request says: its texts, tool calls (name, arguments), tool results' texts, images, files and offered tools."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.calls: list[tuple[str, Any]] = []
        self.images = 0
        self.files = 0
        self.tools: dict[str, Any] = {}
        self.strict: set[str] = set()

    def only(self, names: set[str]) -> None:
        """Of the tools none but these may be called: the others need not arrive."""
        self.tools = {name: schema for name, schema in self.tools.items() if name in names}

    def media(self, media_type: str, data: str | None) -> None:
        """A picture or a file. One that is a text may arrive as a text, so that its words count."""
        if media_type.startswith("image/"):
            self.images += 1
        elif media_type.startswith("text/") and data is not None:
            self.texts.append(_decoded(data))
        else:
            self.files += 1

    def data_url(self, url: Any) -> None:
        """The same of a file that is given as a `data:` URL, or in another way."""
        head, comma, data = str(url or "").partition(",")
        if head.startswith("data:") and comma:
            self.media(head[5:].partition(";")[0], data)
        else:
            self.files += 1


def _decoded(data: str) -> str:
    try:
        return base64.b64decode(data).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def result_texts(text: str) -> list[str]:
    """What a tool's result says. One that is JSON may arrive written in another way, so its names and values count."""
    try:
        value = json.loads(text)
    except ValueError:
        return [text]
    return list(_leaves(value)) if isinstance(value, dict | list) else [text]


def _leaves(value: Any) -> Iterator[str]:
    match value:
        case dict():
            for name, inner in value.items():
                yield name
                yield from _leaves(inner)
        case list():
            for inner in value:
                yield from _leaves(inner)
        case str():
            yield value
        case _:
            yield json.dumps(value)
