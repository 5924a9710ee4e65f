"""Streams whose provider dies, falls silent or takes too long, and whose client leaves or reads slowly."""

import asyncio
import itertools
import random
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from tests.faults.rig.calls import CLIENTS, FIRST_NUMBER, Call, Client, Transcript, load
from tests.faults.rig.readers import KIB, Reader
from tests.faults.versus.common import RATE, TOKENS, Line, fresh, text, warm
from tests.faults.versus.outcomes import WHOLE, Heard, listen, outcome, read, told
from tests.faults.versus.systems import ANTHROPIC, OPENAI, SAFE, Ground, System, Wanted

LEFT_STREAMS, LEFT_WHOLE = 100, 40
IDLE, SLOW = 200, 60
SILENCE, TOTAL = 1.5, 3.0


async def deaths(system: System, folder: Path) -> list[Line]:
    """The provider dies at every event, without a second target and with one."""
    lines: list[Line] = []
    numbers = itertools.count(FIRST_NUMBER)
    with fresh(system, folder) as ground:
        await warm(ground)
        for mode, said in (("rst", "resets its connection"), ("fin", "closes its connection"), ("garbage", "sends bytes of no dialect")):
            calls = [
                Call(next(numbers), client, model, {"n": TOKENS, "text": text("a"), "mode": mode, "die_at": place})
                for client in CLIENTS
                for model in (OPENAI, ANTHROPIC)
                for place in range(-1 if mode != "garbage" else 0, TOKENS + 3)
            ]
            made = await load(ground.gateway.port, ground.gateway.key, calls, RATE)
            found = told(outcome(one, (text("a"),)) for one in made)
            if mode == "fin":
                found += f"; of what it had sent before, {_withheld(ground, made)} tokens never came"
            lines.append((f"the provider {said} at every event ({len(calls)} streams)", found))
        order = {"n": TOKENS, "text": text("a"), "by_target": {"gpt-4o-mini": {"text": text("b"), "n": TOKENS}}}
        calls = [
            Call(next(numbers), client, SAFE, {**order, "mode": mode, "die_at": place})
            for client in CLIENTS
            for mode in ("rst", "fin")
            for place in range(-1, TOKENS)
        ]
        made = await load(ground.gateway.port, ground.gateway.key, calls, RATE)
        early = [one for one in made if one.call.script["die_at"] <= 1]
        saved = sum(outcome(one, (text("b"),)) == WHOLE for one in early)
        found = told(outcome(one, (text("a"), text("b"))) for one in made)
        found += f"; before the first word {saved} of {len(early)} saved"
        lines.append((f"the same with a second target ({len(calls)} streams)", found))
    return lines


def _withheld(ground: Ground, made: list[Transcript]) -> int:
    """Tokens that the provider had sent, in streams that began for their client, and that the client never got."""
    sent = {attempt["input_tokens"]: attempt["tokens"] for attempt in ground.scene.truth()}
    return sum(max(0, sent.get(one.call.number, 0) - len(_heard(one).text.split())) for one in made if one.status == 200)


def _heard(transcript: Transcript) -> Heard:
    try:
        return listen(transcript.body) if transcript.call.stream else read(transcript.body)
    except ValueError:
        return Heard()


async def disconnects(system: System, folder: Path) -> list[Line]:
    """Clients leave in the middle of their stream, or while a whole answer is being made."""
    chance, numbers = random.Random(7), itertools.count(FIRST_NUMBER)
    with fresh(system, folder) as ground:
        await warm(ground)
        every: list[tuple[Client, str]] = [(client, model) for client in CLIENTS for model in (OPENAI, ANTHROPIC)]
        kinds = itertools.cycle(every)
        streams = [
            Call(next(numbers), client, model, {"n": 300, "gap_ms": 50}, leave_after=chance.choice((1, 900, 3000, 9000)))
            for client, model in itertools.islice(kinds, LEFT_STREAMS)
        ]
        whole = [
            Call(next(numbers), client, model, {"n": 2, "ttft_ms": 15_000}, stream=False, patience=1.0)
            for client, model in itertools.islice(kinds, LEFT_WHOLE)
        ]
        made = [*await load(ground.gateway.port, ground.gateway.key, streams, RATE)]
        lines = [(f"{len(streams)} clients leave in the middle of their stream", await _let_go(ground, made))]
        made = await load(ground.gateway.port, ground.gateway.key, whole, RATE)
        return [*lines, (f"{len(whole)} clients leave before their whole answer, which takes 15 s", await _let_go(ground, made))]


async def _let_go(ground: Ground, made: list[Transcript]) -> str:
    """How long the provider went on for clients that had gone."""
    wall = time.time() - time.monotonic()
    await asyncio.to_thread(ground.scene.quiet, 30)
    left = {one.call.number: wall + one.began + one.seconds for one in made}
    attempts = [attempt for attempt in ground.scene.truth() if attempt["input_tokens"] in left]
    after = sorted(attempt["time"] + attempt["ms"] / 1000 - left[attempt["input_tokens"]] for attempt in attempts)
    ended = sum(attempt["end"] == "client_gone" for attempt in attempts)
    wasted = sum(attempt["tokens"] for attempt in attempts if attempt["end"] == "complete")
    return (
        f"the provider is let go after {max(0.0, statistics.median(after)):.2f} s (median), {max(0.0, after[-1]):.2f} s at most; "
        f"{ended} of {len(attempts)} answers stopped, {wasted} tokens made for nobody in the others"
    )


async def waits(system: System, folder: Path) -> list[Line]:
    """Timeouts that both were given: how long a provider may be silent, and how long a stream may take in all."""
    numbers = itertools.count(FIRST_NUMBER)
    with fresh(system, folder, Wanted(idle=SILENCE, total=TOTAL)) as ground:
        await warm(ground)
        silent = {"n": TOKENS, "text": text("a"), "mode": "stall", "stall_ms": 15_000}
        runs = {
            f"silence between tokens, {SILENCE:g} s allowed": (OPENAI, {**silent, "die_at": 5}),
            f"silence before the first token, {SILENCE:g} s allowed": (OPENAI, {**silent, "die_at": 0}),
            f"a stream of 8 s, {TOTAL:g} s allowed": ("brief", {"n": 400, "gap_ms": 20, "text": text("a", 400)}),
        }
        return [(title, await _waited(ground, numbers, model, script)) for title, (model, script) in runs.items()]


async def _waited(ground: Ground, numbers: Iterator[int], model: str, script: dict[str, object]) -> str:
    calls = [Call(next(numbers), client, model, script, patience=20.0) for client in CLIENTS for _ in range(3)]
    made = await load(ground.gateway.port, ground.gateway.key, calls, RATE)
    return f"{told(outcome(one, (str(script['text']),)) for one in made)}; after {max(one.seconds for one in made):.1f} s at most"


async def memory(system: System, folder: Path) -> list[Line]:
    """Streams that are open and idle, and clients that read slowly."""
    lines: list[Line] = []
    with fresh(system, folder) as ground:
        await warm(ground)
        await _at_rest(ground)
        before = ground.memory()
        script = {"n": 3, "gap_ms": 4000}
        calls = [Call(FIRST_NUMBER + place, script=script) for place in range(IDLE)]
        grown, whole = await _read_late(ground, calls, slowly=0)
        lines.append((f"{IDLE} idle streams", f"{(grown - before) / IDLE / KIB:.0f} KiB each, {whole} of {IDLE} whole"))
        await _at_rest(ground)
        before = ground.memory()
        calls = [Call(FIRST_NUMBER + 1000 + place, script={"n": 40_000, "gap_ms": 0}) for place in range(SLOW)]
        grown, _ = await _read_late(ground, calls, slowly=10)
        lines.append((f"{SLOW} clients that read a long answer slowly", f"{(grown - before) / SLOW / KIB:.0f} KiB each"))
    return lines


async def _at_rest(ground: Ground) -> None:
    """What is loaded beside the calls is loaded when the memory does not grow any more."""
    before = 0
    while ground.memory() - before > 64 * KIB:
        before = ground.memory()
        await asyncio.sleep(3)


async def _read_late(ground: Ground, calls: list[Call], *, slowly: int) -> tuple[int, int]:
    """(the most memory that was seen, streams that came to their end). With `slowly` so many reads of a kilobyte, half a second apart, and
    then the clients leave."""
    readers = [Reader(ground.gateway.port, ground.gateway.key, call) for call in calls]
    try:
        await asyncio.gather(*(reader.begin() for reader in readers))
        most = ground.memory()
        for _ in range(slowly):
            await asyncio.gather(*(reader.take(KIB) for reader in readers))
            await asyncio.sleep(0.5)
            most = max(most, ground.memory())
        if not slowly:
            await asyncio.gather(*(reader.rest() for reader in readers))
            most = max(most, ground.memory())
        return most, sum(b"[DONE]" in reader.got for reader in readers)
    finally:
        for reader in readers:
            reader.close()
