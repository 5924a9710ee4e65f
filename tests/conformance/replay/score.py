"""The verdict over many exchanges: the share that passed, said in the run's summary, and every one that did not and is not excused."""

from collections.abc import Callable, Sequence

from tests.conformance.replay.exceptions import EXCEPTIONS
from tests.support.recordings import Exchange

SHOWN = 40


def check(
    leg: str,
    exchanges: Sequence[Exchange],
    results: Sequence[list[str] | BaseException],
    record: Callable[[str, object], None],
    floor: float = 0.995,
) -> None:
    """`results` are what is broken about each exchange. Fails where one is that `EXCEPTIONS` does not list for `leg`, where a listed one
    is not (or is not there any more), and where fewer than `floor` pass."""
    flaws: dict[str, list[str]] = {}
    for exchange, result in zip(exchanges, results, strict=True):
        if isinstance(result, BaseException):
            flaws[exchange.id] = [f"{type(result).__name__}: {result}"]
        elif result:
            flaws[exchange.id] = result
    assert exchanges, "no recording was tried"
    share = 1 - len(flaws) / len(exchanges)
    record("replay", f"{leg}: {len(exchanges) - len(flaws)} of {len(exchanges)} ({share:.2%})")
    excused = EXCEPTIONS.get(leg, {})
    unexpected = [f"{name}: {'; '.join(flaws[name])[:600]}" for name in flaws if name not in excused]
    stale = [name for name in excused if name not in flaws]
    told = "\n".join([f"{leg}: {share:.2%}, {len(unexpected)} not excused", *unexpected[:SHOWN]])
    assert not unexpected, told
    assert not stale, f"{leg}: these pass and are listed as exceptions: {stale}"
    assert share >= floor, told
