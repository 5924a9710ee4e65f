"""For which calls a target or a group of a route is there at all (`when:`), and what a target must be able to do for a call: facts of the
call in, a reason out. Called by `select`."""

from collections.abc import Iterator
from typing import Literal

import msgspec

from tidegate.ir.target import Capabilities
from tidegate.policy.bounds import Hours
from tidegate.policy.reach import within

Ask = Literal["tools", "structured", "vision", "documents", "audio"]
ASKS: tuple[Ask, ...] = ("tools", "structured", "vision", "documents", "audio")
_ABLE = {
    "tools": "takes no tools",
    "structured": "has no structured output",
    "vision": "takes no images",
    "documents": "takes no documents",
    "audio": "takes no audio",
}


class When(msgspec.Struct, frozen=True, kw_only=True):
    """All that is set must hold. `tags` and `asks`: any of them; names are exact. Input is in estimated tokens."""

    orgs: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    asks: tuple[Ask, ...] = ()
    not_asks: tuple[Ask, ...] = ()
    input_over: int | None = None
    input_under: int | None = None
    stream: bool | None = None
    hours: tuple[Hours, ...] = ()


ALWAYS = When()


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Of one call. `at` is Unix time in seconds; `tokens` is an estimate of the prompt's; `session` and `prefix` are what sticky targets
    hold on to, empty where the call says nothing."""

    org: str = "default"
    team: str = ""
    user: str = ""
    key: str = ""
    tags: tuple[str, ...] = ()
    asks: frozenset[Ask] = frozenset()
    tokens: int = 0
    output: int | None = None
    stream: bool = False
    at: float = 0.0
    session: bytes = b""
    prefix: bytes = b""


def unmet(when: When, facts: Facts) -> str | None:
    """Why it is not for this call; None where it is."""
    return None if when is ALWAYS else next(_unmet(when, facts), None)


def _unmet(when: When, facts: Facts) -> Iterator[str]:
    for word, wanted, had in (
        ("organisations", when.orgs, facts.org),
        ("teams", when.teams, facts.team),
        ("users", when.users, facts.user),
        ("keys", when.keys, facts.key),
    ):
        if wanted and had not in wanted:
            yield f"is for other {word}"
    if when.tags and not set(when.tags) & set(facts.tags):
        yield "is for other tags"
    if when.asks and not facts.asks & set(when.asks):
        yield f"is for calls with {' or '.join(when.asks)}"
    if facts.asks & set(when.not_asks):
        yield f"is for calls without {' and '.join(when.not_asks)}"
    if when.input_over is not None and facts.tokens <= when.input_over:
        yield f"is for prompts of more than {when.input_over} tokens"
    if when.input_under is not None and facts.tokens >= when.input_under:
        yield f"is for prompts of less than {when.input_under} tokens"
    if when.stream is not None and when.stream is not facts.stream:
        yield "is for streams" if when.stream else "is for whole answers"
    if when.hours and not any(within(hours, facts.at) for hours in when.hours):
        yield "is for other hours"


def lacks(capabilities: Capabilities) -> frozenset[Ask]:
    """What a model cannot do."""
    able = {
        "tools": capabilities.tools,
        "structured": capabilities.structured != "none",
        "vision": capabilities.vision,
        "documents": capabilities.documents,
        "audio": capabilities.audio,
    }
    return frozenset(ask for ask in ASKS if not able[ask])


def unable(capabilities: Capabilities, asks: frozenset[Ask]) -> str | None:
    """Why a model cannot do what a call asks for; None where it can."""
    missing = lacks(capabilities) & asks
    return ", ".join(_ABLE[ask] for ask in ASKS if ask in missing) if missing else None


def too_long(capabilities: Capabilities, tokens: int) -> str | None:
    """Why a prompt of about that many tokens does not fit; None where it may."""
    if capabilities.context is None or tokens <= capabilities.context:
        return None
    return f"takes {capabilities.context} tokens, and the prompt has about {tokens}"
