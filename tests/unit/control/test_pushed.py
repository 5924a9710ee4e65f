"""T-CF-2: configurations that are broken in two hundred ways are pushed; what was live stays, and nothing ends the watcher."""

import random

import pytest
from tests.unit.control.configs import Place
from tests.unit.control.test_watch import Watched

GOOD = """providers:
  anthropic: {api_key: env:ANTHROPIC_API_KEY, timeouts: {idle: 60}}
  lab: {kind: custom, dialect: openai_chat, base_url: "http://10.0.0.5:8000/v1", models: [qwen3], headers: {x-team: eu}}
routes:
  smart: {targets: [anthropic/claude-big, {target: lab/qwen3}], defaults: {max_tokens: 4096}, limits: {concurrent: 5}}
  "team/*": {targets: ["anthropic/*"]}
keys:
  - {name: ci, value: env:TIDEGATE_CI_KEY, models: [smart], budget: {usd: 25, per: month}}
limits:
  - {scope: end_user, limits: {requests_per_minute: 10}}
prices:
  "lab/*": [{input: 0, output: 0}]
server: {body_limit: 32MiB, cors: ["https://app.example"]}
"""
PIECES = (
    "{",
    "}",
    "[",
    "]",
    ":",
    "- ",
    "&a ",
    "*a",
    "!!python/object:os.system ",
    "null",
    "\t",
    "\x00",
    "1e999",
    "-1",
    "é",
    "env:NOTHING",
    "<<: ",
)


def broken(chosen: random.Random) -> str:
    """The text with a piece of it left out, doubled, moved, or with something strange in it."""
    text = GOOD
    for _ in range(chosen.randint(1, 3)):
        start = chosen.randrange(len(text))
        end = min(len(text), start + chosen.randint(1, 40))
        piece = text[start:end]
        match chosen.randrange(5):
            case 0:
                text = text[:start] + text[end:]
            case 1:
                text = text[:end] + piece + text[end:]
            case 2:
                text = text[:start] + chosen.choice(PIECES) + text[end:]
            case 3:
                text = text[:start] + chosen.choice(PIECES) + text[start:]
            case _:
                text = text[:start]
    return text


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_broken_changes_nothing_and_what_is_good_again_is_taken(place: Place, seed: int) -> None:
    chosen = random.Random(seed)
    watched = Watched(place, GOOD)
    refused = 0
    for _ in range(50):
        live = watched.watcher.current
        published, told = len(watched.published), len(watched.refused)
        place.file.write_text(broken(chosen))
        if await watched.looks(2):
            assert watched.watcher.current.snapshot.generation == live.snapshot.generation + 1
            assert len(watched.published) == published + 1
        else:
            assert watched.watcher.current is live
            refused += len(watched.refused) - told
    assert refused > 20
    place.file.write_text(GOOD + "# and good again\n")
    assert await watched.looks(2) == 1
    assert sorted(watched.published[-1].snapshot.routes) == ["smart"]
