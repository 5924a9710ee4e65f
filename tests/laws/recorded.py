"""Reading recordings for the laws: the project's own `recordings/<dialect>/`, and recorded traffic from outside the repository.

Also the comparisons that every law needs: what an answer says, whatever its dialect.
"""

import gzip
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from tidegate.dialects.base import Dialect
from tidegate.ir.content import Origin, Refusal, Text, Thinking, ToolUse
from tidegate.ir.events import Event
from tidegate.ir.response import Response
from tidegate.ir.target import Capabilities, Profile, Quirks
from tidegate.wire.sse import Frame, SseParser

OWN = Path(__file__).parents[2] / "recordings"
_ELIDED = re.compile(r"ELIDED_\d+_\w+")
_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def own_cases(dialect: str) -> list[str]:
    return sorted({path.name.partition(".")[0] for path in (OWN / dialect).iterdir()})


def own_file(dialect: str, case: str, part: str) -> bytes | None:
    path = OWN / dialect / f"{case}.{part}"
    return path.read_bytes() if path.exists() else None


def core(folder: Path, api: str) -> Iterator[dict[str, Any]]:
    """The core exchanges of an API, with elided media put back and the request as an object."""
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                if f'"api": "{api}"' not in line and f'"api":"{api}"' not in line:
                    continue
                exchange = json.loads(_ELIDED.sub(_PIXEL, line))
                if exchange.get("api") == api and exchange.get("core"):
                    if isinstance(exchange["request_body"], str):
                        exchange["request_body"] = json.loads(exchange["request_body"])
                    yield exchange


def answer_bytes(exchange: dict[str, Any]) -> bytes:
    """The recorded answer, empty where it had no body."""
    body = exchange.get("response_body", "")
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def profile(**capabilities: Any) -> Profile:
    return Profile(provider="p", model="target-model", capabilities=Capabilities(**capabilities), quirks=Quirks())


def sse_events(chunks: Iterable[bytes]) -> list[Frame]:
    parser = SseParser(1 << 26)
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    return [event for event in [*events, *parser.end()] if event.data is not None]


def decoded(dialect: Dialect, events: Iterable[Frame], origin: Origin) -> list[Event]:
    decoder = dialect.stream_decoder(origin)
    out: list[Event] = []
    for event in events:
        out += decoder.feed(event.event, event.data or b"")
    return out + decoder.end()


def text_of(response: Response) -> str:
    return "".join(block.text for block in response.blocks if isinstance(block, Text | Refusal))


def reasoning_of(response: Response) -> str:
    return "".join(block.text for block in response.blocks if isinstance(block, Thinking))


def calls_of(response: Response) -> list[tuple[str, str, Any]]:
    return [(block.id, block.name, json.loads(block.arguments)) for block in response.blocks if isinstance(block, ToolUse)]


def with_plain_arguments(response: Response) -> Response:
    """The answer with its tool arguments written one way: streams and whole answers of one provider differ in their blanks."""
    blocks = [
        msgspec.structs.replace(block, arguments=json.dumps(json.loads(block.arguments)))
        if isinstance(block, ToolUse) and block.kind == "function"
        else block
        for block in response.blocks
    ]
    return msgspec.structs.replace(response, blocks=blocks)
