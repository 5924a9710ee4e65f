"""What `docs/conformance.md` shows: every core recording told to a client of every dialect by the translation itself, judged by the suite's
readers and invariants, and counted by provider, surface and what the recording is an example of."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
from tests.conformance.replay import read_converse
from tests.conformance.replay.answer import Answer
from tests.conformance.replay.asks import plain, stands_alone
from tests.conformance.replay.client import READERS
from tests.conformance.replay.exceptions import EXCEPTIONS
from tests.conformance.replay.invariants import broken
from tests.conformance.replay.test_bedrock import CONVERSE, converse_body, in_words, is_known
from tests.support.recordings import BEDROCK, DIALECT_OF, Exchange, read_recordings

from tidegate.dialects.base import Dialect, Stamp
from tidegate.dialects.table import DIALECTS
from tidegate.ir.content import Origin
from tidegate.ir.errors import GatewayError
from tidegate.ir.events import Event
from tidegate.ir.request import Request
from tidegate.wire.framings import EVENT_STREAM, FRAMINGS, INVOKE

STAMP = Stamp("0stem0", 1_700_000_000)
SURFACES = {
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "anthropic": "/v1/messages",
    "gemini": ":generateContent",
    CONVERSE: "converse",
}
FEATURES: dict[str, Callable[[Exchange], bool]] = {
    "answers": lambda exchange: exchange.status == 200,
    "stream": lambda exchange: exchange.streamed,
    "tools": lambda exchange: bool(exchange.expect.get("tool_calls")),
    "parallel": lambda exchange: len(exchange.expect.get("tool_calls") or []) > 1,
    "thinking with tools": lambda exchange: bool(exchange.expect.get("reasoning") and exchange.expect.get("tool_calls")),
    "structured": lambda exchange: "structured" in exchange.kinds,
    "vision": lambda exchange: "image_in" in exchange.kinds,
    "PDF": lambda exchange: "document_in" in exchange.kinds,
    "cache": lambda exchange: "cache_usage" in exchange.kinds,
    "errors": lambda exchange: exchange.status != 200 or "stream_error" in exchange.kinds,
}


class Cell(msgspec.Struct):
    good: int = 0
    all: int = 0


Table = dict[tuple[str, str, str], Cell]
"""By provider, surface's dialect and feature."""


def digest(folder: Path) -> str:
    """Of the recordings, whatever their folder is called."""
    found = hashlib.sha256()
    for file in sorted(folder.glob("*.jsonl.gz")):
        found.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()


def counted(folder: Path) -> Table:
    table: Table = defaultdict(Cell)
    asked: dict[tuple[str, tuple[str, ...]], Request] = {}
    for exchange in read_recordings(folder, frozenset(DIALECT_OF) | frozenset(BEDROCK)):
        if not (exchange.core and is_known(exchange)):
            continue
        features = [name for name, has in FEATURES.items() if has(exchange)]
        told = _told(exchange)
        for client in SURFACES:
            if client == exchange.dialect and not stands_alone(exchange):
                continue  # an answer that has not begun yet, which passes as it is
            good = not _flaws(exchange, client, told, asked) or _is_excused(exchange, client)
            for feature in features:
                cell = table[exchange.provider, client, feature]
                cell.all += 1
                cell.good += good
    return table


def _is_excused(exchange: Exchange, client: str) -> bool:
    """Identity passes what the provider said: what is odd in it is the provider's."""
    return exchange.id in EXCEPTIONS.get(f"{exchange.dialect} for a client of {client}", {})


def _source(exchange: Exchange) -> tuple[Dialect, str]:
    """The dialect of a recorded answer and the framing of its stream."""
    if exchange.dialect == "bedrock.invoke":
        return DIALECTS["anthropic"], INVOKE
    dialect = DIALECTS[exchange.dialect]
    return dialect, EVENT_STREAM if exchange.dialect == CONVERSE else dialect.framing


def _told(exchange: Exchange) -> list[Event] | None:
    """The events of a recorded stream; None for a whole answer."""
    if not exchange.streamed or exchange.status != 200:
        return None
    source, framing = _source(exchange)
    decoder = source.stream_decoder(Origin(source.name, "p", "m"))
    framer = FRAMINGS[framing].framer(1 << 26)
    events: list[Event] = []
    for frame in (*framer.feed(exchange.answer), *framer.end()):
        if frame.data is not None:
            events += decoder.feed(frame.event, frame.data)
    return events + decoder.end()


def _flaws(exchange: Exchange, client: str, told: list[Event] | None, asked: dict[tuple[str, tuple[str, ...]], Request]) -> list[str]:
    dialect = DIALECTS[client]
    source, _ = _source(exchange)
    names = tuple(sorted({str(call["name"]) for call in exchange.expect.get("tool_calls") or []}))
    request = asked.get((client, names))
    if request is None:
        body = converse_body(exchange) if client == CONVERSE else plain(client, exchange, "m", stream=True)
        request = asked[client, names] = dialect.decode_request(msgspec.json.encode(body))
    if told is not None:
        encoder = dialect.stream_encoder(STAMP, request)
        answer = _read_stream(client, b"".join(encoder.feed(event) for event in told))
    else:
        status = exchange.status
        try:
            if status != 200:
                raise GatewayError(source.decode_error(status, exchange.answer))
            whole = source.decode_response(exchange.answer, Origin(source.name, "p", "m"))
            body = dialect.encode_response(whole, STAMP, request).body
        except GatewayError as failed:
            status, body = failed.error.http_status, dialect.encode_error(failed.error, "req_0")
        answer = read_converse.read_whole(status, body) if client == CONVERSE else READERS[client].read_whole(status, body)
    return broken(in_words(exchange), "anthropic" if client == CONVERSE else client, answer, usage_told=True)


def _read_stream(client: str, body: bytes) -> Answer:
    return read_converse.read_stream(body) if client == CONVERSE else READERS[client].read_stream(body, usage_asked=True)


def page(table: Table, recordings: str) -> str:
    """The whole page."""
    providers = sorted({provider for provider, _, _ in table}, key=lambda provider: (-_weight(table, provider), provider))
    lines = [
        "# Conformance",
        "",
        "Written by the tests; do not edit. Each cell counts recorded exchanges with a provider: how many of them a client of the",
        "surface reads as the provider meant them, of how many there are. The invariants are those of the replay suite",
        "(`tests/conformance/replay`), which sends the same recordings through a running gateway; here the translation is asked alone.",
        "A cell without recordings is empty.",
        "",
        "- *answers*: all that are no error; *tools*, *parallel*: with a call of a tool, with several; *errors*: status, message and form.",
        "- *structured*, *vision*, *PDF*, *cache*: the answers to requests with a schema, pictures or documents, and those with cached",
        "  tokens.",
        "",
        f"Recordings: `{recordings}`",
    ]
    for client, surface in SURFACES.items():
        lines += ["", f"## `{surface}`", "", "| provider | " + " | ".join(FEATURES) + " |", "|---|" + "--:|" * len(FEATURES)]
        for provider in providers:
            cells = [table.get((provider, client, feature)) for feature in FEATURES]
            lines.append(f"| {provider} | " + " | ".join("" if cell is None else f"{cell.good}/{cell.all}" for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _weight(table: Table, provider: str) -> int:
    return sum(cell.all for (name, _, _), cell in table.items() if name == provider)


def shares(table: Table) -> Iterable[tuple[str, float]]:
    """The share of good answers at each surface."""
    for client, surface in SURFACES.items():
        cells = [cell for (_, name, feature), cell in table.items() if name == client and feature in ("answers", "errors")]
        yield surface, sum(cell.good for cell in cells) / sum(cell.all for cell in cells)
