"""T-ST-2, T-ST-3 and I6, I7: streams whose provider dies at every event, whose bytes come in other pieces, and whose client leaves."""

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Iterator

import pytest
from tests.conformance.replay.answer import Answer
from tests.faults.rig.calls import CLIENTS, FIRST_NUMBER, Call, Client, Transcript, load, make
from tests.faults.rig.judging.verdict import Verdict
from tests.faults.rig.proxy import Fault, Kind
from tests.faults.rig.sizes import sizes
from tests.faults.rig.stage import Stage, staged

TOKENS = 8
MODELS = {"openai_chat": "openai/gpt-4o", "anthropic": "anthropic/claude-sonnet-4-5"}
Record = Callable[[str, object], None]

pytestmark = pytest.mark.programme("T-ST-3")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("streams")) as found:
        yield found


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    """Numbers of calls, none twice."""
    return itertools.count(FIRST_NUMBER)


def text(word: str) -> str:
    """`TOKENS` tokens, none like another."""
    return " ".join(f"{word}{place}" for place in range(TOKENS))


def told(record: Record, drill: str, verdict: Verdict) -> None:
    record("verdict", f"{drill}: {verdict}")
    assert not verdict.breaches, "\n".join(verdict.breaches[:20])


@pytest.mark.parametrize("provider", MODELS)
@pytest.mark.parametrize("client", CLIENTS)
async def test_a_provider_that_dies_at_any_event_ends_the_stream_with_one_error(
    stage: Stage, numbers: Iterator[int], client: Client, provider: str, record_property: Record
) -> None:
    calls = [
        Call(next(numbers), client, MODELS[provider], {"n": TOKENS, "text": text("a"), "mode": mode, "die_at": place})
        for mode in _deaths(client, provider)
        for place in range(-1, TOKENS + 3)
    ]
    transcripts = await load(stage.gateway.port, stage.gateway.key, calls, 100)
    verdict = stage.judged(transcripts, texts={call.number: (text("a"),) for call in calls})
    # Nobody is told that a broken answer was the whole one.
    for transcript in transcripts:
        answer = transcript.answer
        if answer is not None and transcript.status == 200 and answer.error is None:
            assert answer.text == text("a"), (transcript.call.script, answer.text)
    told(record_property, f"death at every event, {provider} for {client}", verdict)
    assert {transcript.status for transcript in transcripts} == {200, 502}
    assert verdict.figures["broken off with an error"] >= TOKENS - 2


@pytest.mark.parametrize("client", CLIENTS)
async def test_with_a_second_target_only_one_of_both_is_heard(
    stage: Stage, numbers: Iterator[int], client: Client, record_property: Record
) -> None:
    def failing(number: int, mode: str, place: int) -> Call:
        second = {"text": text("b"), "n": TOKENS, "input_tokens": number}
        order = {"n": TOKENS, "text": text("a"), "mode": mode, "die_at": place, "by_target": {"gpt-4o-mini": second}}
        return Call(number, client, "safe", order)

    calls = [failing(next(numbers), mode, place) for mode in ("rst", "fin") for place in range(-1, TOKENS)]
    transcripts = await load(stage.gateway.port, stage.gateway.key, calls, 100)
    texts = {call.number: (text("a"), text("b")) for call in calls}
    verdict = stage.judged(transcripts, texts=texts)
    told(record_property, f"death with a second target for {client}", verdict)
    # Before the first content there is a second chance, and the client does not notice.
    assert {_said(transcript) for transcript in transcripts if transcript.call.script["die_at"] <= 1} == {text("b")}


def _deaths(client: Client, provider: str) -> tuple[str, ...]:
    """Where both speak the same dialect the provider's bytes pass as they are, and its client sees for itself that they are none."""
    return ("rst", "fin") if client == provider else ("rst", "fin", "garbage")


def _said(transcript: Transcript) -> str | None:
    return None if transcript.answer is None else transcript.answer.text


@pytest.mark.programme("T-ST-1")
@pytest.mark.parametrize("size", [1, 3, 1460])
@pytest.mark.parametrize("client", CLIENTS)
async def test_other_pieces_change_nothing(
    stage: Stage, numbers: Iterator[int], client: Client, size: int, record_property: Record
) -> None:
    calls = [Call(next(numbers), client, model, {"n": TOKENS, "text": text("ü€😀")}) for model in MODELS.values() for _ in range(3)]
    stage.proxy.fault = Fault("rechunk", size=size)
    before = stage.proxy.hits["rechunk"]
    try:
        transcripts = await load(stage.gateway.port, stage.gateway.key, calls, 50)
    finally:
        stage.proxy.fault = None
    assert stage.proxy.hits["rechunk"] > before, "the fault never struck"
    verdict = stage.judged(transcripts, texts={call.number: (text("ü€😀"),) for call in calls})
    assert verdict.figures["answered"] == len(calls)
    told(record_property, f"pieces of {size} bytes for {client}", verdict)


@pytest.mark.parametrize("kind", ["reset", "close", "corrupt"])
@pytest.mark.parametrize("client", CLIENTS)
async def test_a_network_that_breaks_or_lies_ends_no_stream_as_if_nothing_were(
    stage: Stage, numbers: Iterator[int], client: Client, kind: Kind, record_property: Record
) -> None:
    """Somewhere in the answer, a connection breaks or a byte is another one: at the provider of the other dialect, so that all is read."""
    model = MODELS["anthropic" if client == "openai_chat" else "openai_chat"]
    transcripts: list[Transcript] = []
    before = stage.proxy.hits[kind]
    for after in (10, 400, 900, 1500, 2200):
        stage.proxy.fault = Fault(kind, after=after)
        transcripts.append(await make(stage.gateway.port, stage.gateway.key, Call(next(numbers), client, model, {"n": 40, "gap_ms": 2})))
        stage.proxy.fault = None
        # A connection that is kept would count its bytes on.
        stage.proxy.cut()
    assert stage.proxy.hits[kind] > before, "the fault never struck"
    assert {transcript.end for transcript in transcripts} == {"complete"}
    assert {transcript.status for transcript in transcripts} <= {200, 502}
    flaws = [flaw for transcript in transcripts if transcript.answer is not None for flaw in _flaws(transcript.answer)]
    assert not flaws
    failed = sum(transcript.answer is None or transcript.answer.error is not None for transcript in transcripts)
    record_property("verdict", f"network {kind} for {client}: {len(transcripts)} calls, {failed} told of it, {len(flaws)} breaches")
    # A byte may also be changed within a word, and nobody can know.
    assert failed == len(transcripts) or kind == "corrupt"


def _flaws(answer: Answer) -> list[str]:
    return answer.flaws if answer.error is None else []


@pytest.mark.programme("T-ST-2")
async def test_clients_that_leave_anywhere_are_settled_and_their_provider_is_let_go(
    stage: Stage, numbers: Iterator[int], record_property: Record
) -> None:
    chance = random.Random(7)
    kinds: list[tuple[Client, str]] = [(client, model) for client in CLIENTS for model in MODELS.values()]
    calls = [
        Call(next(numbers), client, model, {"n": 400, "gap_ms": 5}, leave_after=chance.choice((0, 1, 200, 900, 3000)))
        for client, model in itertools.islice(itertools.cycle(kinds), sizes().disconnects)
    ]
    transcripts = await load(stage.gateway.port, stage.gateway.key, calls, 40)
    left = time.monotonic()
    assert await asyncio.to_thread(stage.quiet, 5), "the provider still answers clients that have gone"
    record_property("verdict", f"{len(calls)} disconnects: the last provider connection was let go {time.monotonic() - left:.2f} s after")
    assert {transcript.end for transcript in transcripts} == {"left"}
    assert not stage.judged(transcripts).breaches
    sent = [attempt for attempt in stage.truth() if attempt["input_tokens"] in {call.number for call in calls}]
    assert {attempt["end"] for attempt in sent} <= {"client_gone", "complete"}
    rows = stage.rows(len(stage.truth()))
    gone = [row for row in rows if row["status"] == 499]
    assert len(gone) >= len([attempt for attempt in sent if attempt["end"] == "client_gone"])
    assert "WARNING" not in _levels(stage.gateway.log())


def _levels(log: str) -> set[str]:
    return {level for level in ("WARNING", "ERROR") if f'"level": "{level.lower()}"' in log}


@pytest.mark.programme("T-ST-2")
async def test_a_client_that_loses_patience_with_a_silent_network_lets_the_provider_go(stage: Stage, numbers: Iterator[int]) -> None:
    stage.proxy.fault = Fault("stall")
    try:
        transcript = await make(stage.gateway.port, stage.gateway.key, Call(next(numbers), script={"n": 2}, patience=1.0))
    finally:
        stage.proxy.fault = None
    assert stage.proxy.hits["stall"], "the fault never struck"
    assert transcript.end == "patience"
    assert await asyncio.to_thread(stage.quiet, 5)
