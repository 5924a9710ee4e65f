"""What all drills that both gateways go through have in common."""

import contextlib
import itertools
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path

from tests.faults.rig.calls import CLIENTS, Call, make
from tests.faults.versus.systems import ANTHROPIC, OPENAI, Ground, System, Wanted

TOKENS, RATE = 8, 10.0
"""Tokens of an answer that breaks; calls per second, which both gateways bear easily."""
NOTHING = Wanted()
Line = tuple[str, str]
"""What was done, and what was found."""
Drill = Callable[[System, Path], Awaitable[list[Line]]]


def text(word: str, tokens: int = TOKENS) -> str:
    """Tokens of which none is like another."""
    return " ".join(f"{word}{place}" for place in range(tokens))


@contextlib.contextmanager
def fresh(system: System, folder: Path, wanted: Wanted = NOTHING) -> Generator[Ground]:
    with system.ground(folder / system.name.lower(), wanted) as ground:
        yield ground


async def warm(ground: Ground) -> None:
    """What is loaded at the first call of a kind is no part of what is measured, and may take longer than the waits that are."""
    kinds = itertools.product(CLIENTS, (OPENAI, ANTHROPIC), (True, False))
    calls = [Call(1 + place, client, model, {"n": 20}, stream=stream) for place, (client, model, stream) in enumerate(kinds)]
    for patient in (True, True, False):
        for call in calls:
            made = await make(ground.gateway.port, ground.gateway.key, call)
            assert patient or made.status == 200, (made.status, made.body[:500], ground.gateway.log()[-2000:])
