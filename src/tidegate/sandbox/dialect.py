"""The shape that both wire formats have for the engine: read a request, write its answer whole or as events, write an error. No code."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import msgspec

from tidegate.sandbox.answer import Answer, Turn
from tidegate.sandbox.script import Script
from tidegate.sandbox.values import Json, Obj

Frame: TypeAlias = tuple[bytes, int]
"""The bytes of one event and how many tokens of the answer it carries."""


class Made(msgspec.Struct, frozen=True):
    """Everything that an answer's bytes depend on. `stem` is hex, and names ids; `created` is in Unix seconds."""

    turn: Turn
    script: Script
    answers: list[Answer]
    stem: str
    created: int

    @property
    def reports_usage(self) -> bool:
        return self.script.mode != "no_usage"

    @property
    def input_tokens(self) -> int:
        """All input tokens, those from the cache and those written to it too."""
        wanted = self.turn.input_tokens if self.script.input_tokens is None else self.script.input_tokens
        return max(wanted, self.script.cached + self.script.cache_write)

    @property
    def output_tokens(self) -> int:
        return sum(answer.tokens for answer in self.answers)


class Dialect(msgspec.Struct, frozen=True):
    """One wire format. `read` raises `RequestRefused`; `events` gives a stream's events in order; `error_event` is the one that breaks a
    stream off; `error` is (status, kind or None, message, param, code, request id) to a body."""

    name: str
    read: Callable[[Obj, Mapping[str, str], bool], Turn]
    whole: Callable[[Made], bytes]
    events: Callable[[Made], Iterator[Frame]]
    usage: Callable[[Made], Obj]
    error: Callable[[int, str | None, str, str | None, str | None, str], bytes]
    error_event: Callable[[Json], bytes]
    garbage: bytes
    request_id_header: str
    headers: list[tuple[bytes, bytes]]
