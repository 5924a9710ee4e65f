"""Bedrock's Converse under the laws. The streams of the project's own recordings are lines of {event, payload}, which are written here as
the frames that AWS sends."""

import json

import msgspec
from tests.laws.converse_normal import normal
from tests.laws.recorded import own_file, profile, with_plain_arguments
from tests.laws.subject import Subject

from tidegate.dialects.bedrock_converse import DIALECT
from tidegate.ir.request import Request
from tidegate.ir.response import Response
from tidegate.wire.eventstream import frame


def _bare(answer: Response) -> Response:
    return msgspec.structs.replace(answer, extras={}, usage=None, service_tier=None)


def _kept(answer: Response) -> Response:
    """Recorded usage may lack its total, and an answer its metrics, which the service's model requires."""
    extras = {name: value for name, value in answer.extras.items() if (name, value) != ("metrics", {"latencyMs": 0})}
    return msgspec.structs.replace(answer, usage=None, extras=extras)


def _folded(answer: Response) -> Response:
    """The arguments of a call are an object on the wire, whose blanks are not kept."""
    return with_plain_arguments(_bare(answer))


def _told(told: Response, whole: Response) -> bool:
    """What nobody models of an answer travels in a stream as native events, and the tier beside usage, which a fold does not see."""
    told = msgspec.structs.replace(told, extras=whole.extras, service_tier=whole.service_tier)
    return with_plain_arguments(told) == with_plain_arguments(whole)


def own_stream(case: str) -> bytes | None:
    lines = own_file("bedrock_converse", case, "stream.jsonl")
    if lines is None:
        return None
    rows = [json.loads(line) for line in lines.splitlines()]
    return b"".join(frame(json.dumps(row["payload"]).encode(), row["event"]) for row in rows)


def _of_chat(request: Request) -> Request:
    return msgspec.structs.replace(request, dialect="openai_chat")


def _of_anthropic(request: Request) -> Request:
    return msgspec.structs.replace(request, dialect="anthropic")


SUBJECT = Subject(
    dialect=DIALECT,
    api="bedrock.converse",
    least=330,
    normal=normal,
    bare=_bare,
    kept=_kept,
    folded=_folded,
    told=_told,
    names_model=False,
    sent=lambda request: request,
    foreign=(_of_chat, _of_anthropic),
    targets=tuple(
        profile(thinking=style, max_output=8192, prompt_cache=True, audio=True)
        for style in ("none", "budget", "adaptive", "effort", "config")
    ),
    ended=lambda written: b"messageStop" in written and b"metadata" in written.rpartition(b"messageStop")[2],
    own_stream=own_stream,
    invalid_requests=frozenset(
        (
            # Bytes written as JavaScript's Uint8Array or as an object, which is no request of the API.
            "lingua-9f967edbe516",
            "lingua-5bfe661e44b3",
        )
    ),
)
