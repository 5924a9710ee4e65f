"""The judge: after everything has come to rest it recomputes what must hold, from what each side says for itself.

`truth` is the provider's log, `rows` are the ledger's (as usage events), `transcripts` what the clients saw. The invariants are those of
the design: I1 conservation, I2 exactly once, I3 no hidden attempt, I6 one attempt per client, I7 one proper end. Others (caps, leaks,
recovery) have tests that look at them directly.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from tests.faults.rig.calls import Transcript

_INPUT = ("input", "cache_read", "cache_write")
_UNSURE = frozenset({"process_ended", "client_disconnect"})


class Verdict(msgspec.Struct):
    """`figures` are counts for the page; `breaches` name the invariant and the call."""

    figures: dict[str, int]
    breaches: list[str]

    def __str__(self) -> str:
        told = ", ".join(f"{count} {name}" for name, count in self.figures.items())
        return f"{told}, {len(self.breaches)} breaches"


def judge(
    transcripts: Sequence[Transcript],
    truth: Iterable[Mapping[str, Any]],
    rows: Iterable[Mapping[str, Any]],
    *,
    texts: Mapping[int, Sequence[str]] | None = None,
    killed: bool = False,
) -> Verdict:
    """`texts` are what each target would answer to a call, by its number. Under `killed` gateways were ended by force: their clients were
    cut, and what ran may be `unknown` in the ledger."""
    named = {transcript.headers.get("x-request-id", ""): transcript.call.number for transcript in transcripts}
    sent, booked = _by_number(truth, _sent), _by_number(rows, lambda row: named.get(row["request_id"]) or _booked(row))
    breaches: list[str] = [*_once(booked)]
    figures: Counter[str] = Counter(calls=len(transcripts))
    for transcript in transcripts:
        number = transcript.call.number
        figures[_how(transcript)] += 1
        breaches += [f"{number}: {flaw}" for flaw in _ended(transcript, killed=killed)]
        if texts is not None and transcript.answer is not None:
            breaches += [f"{number}: {flaw}" for flaw in _one_attempt(transcript, texts[number])]
        breaches += [f"{number}: {flaw}" for flaw in _conserved(transcript, sent[number], booked[number])]
        breaches += [f"{number}: {flaw}" for flaw in _hidden(transcript, sent[number], booked[number])]
        figures["attempts"] += len(sent[number])
        figures["rows"] += len(booked[number])
        figures["unknown"] += sum(row.get("entry") == "unknown" for row in booked[number])
    return Verdict(dict(figures), breaches)


def _by_number(found: Iterable[Mapping[str, Any]], number: Callable[[Mapping[str, Any]], int]) -> dict[int, list[Mapping[str, Any]]]:
    by_number: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for one in found:
        by_number[number(one)].append(one)
    return by_number


def _sent(attempt: Mapping[str, Any]) -> int:
    return int(attempt["input_tokens"])


def _booked(row: Mapping[str, Any]) -> int:
    """The call of a row whose client has got no head with its id, by the input that the provider told: 0 where it was not told."""
    return sum((row["usage"] or {}).get(kind) or 0 for kind in _INPUT)


def _how(transcript: Transcript) -> str:
    if transcript.end != "complete":
        return transcript.end
    if transcript.refused:
        return "refused"
    if transcript.status != 200:
        return "failed"
    return "answered" if transcript.answer is not None and transcript.answer.error is None else "broken off with an error"


def _once(booked: Mapping[int, Sequence[Mapping[str, Any]]]) -> list[str]:
    names = Counter((row["request_id"], row["attempt"], row.get("entry")) for rows in booked.values() for row in rows)
    return [f"I2: {name} is {count} times in the ledger" for name, count in names.items() if count > 1]


def _ended(transcript: Transcript, *, killed: bool) -> list[str]:
    if transcript.end == "left" or (killed and transcript.end == "cut"):
        return []
    if transcript.end != "complete" or transcript.answer is None:
        return [f"I7: the client's connection ended by {transcript.end} after {len(transcript.body)} bytes"]
    answer = transcript.answer
    return [f"I7: {flaw}" for flaw in answer.flaws if answer.error is None]


def _one_attempt(transcript: Transcript, texts: Sequence[str]) -> list[str]:
    answer = transcript.answer
    if answer is None or transcript.status != 200:
        return []
    if answer.error is None:
        return [] if answer.text in texts else [f"I6: {answer.text[:80]!r} is no target's answer"]
    if answer.finish is not None and answer.text not in texts:
        # A stop that the provider said may pass before the connection breaks; one that nobody said is forged.
        return [f"I7: `{answer.finish}` was said after {answer.text[:80]!r} alone"]
    return (
        [] if any(text.startswith(answer.text) for text in texts) else [f"I6: {answer.text[:80]!r} is the beginning of no target's answer"]
    )


def _hidden(transcript: Transcript, sent: Sequence[Mapping[str, Any]], booked: Sequence[Mapping[str, Any]]) -> list[str]:
    """A kept connection that dies at once, before a byte of an answer, is taken for one that was closed already: the request is sent once
    more, and both sendings are one attempt with one row."""
    if _nameless(transcript):
        return []
    again = sum(attempt["sent_bytes"] == 0 and attempt["end"] in ("rst", "fin") for attempt in sent)
    hidden = len(sent) - len(booked)
    return [f"I3: {len(sent)} attempts, {len(booked)} rows"] if hidden > again else []


def _nameless(transcript: Transcript) -> bool:
    """Nobody can say which row without usage is this client's: it has no head with an id. As a whole, attempts and rows are compared."""
    return transcript.end == "left" or (transcript.end == "cut" and transcript.status is None)


def _conserved(transcript: Transcript, sent: Sequence[Mapping[str, Any]], booked: Sequence[Mapping[str, Any]]) -> list[str]:
    """Of attempts that the provider ended properly: their tokens are in the ledger, once."""
    settled = [row for row in booked if row.get("estimated") not in _UNSURE]
    whole = Counter(attempt["tokens"] for attempt in sent if attempt["end"] == "complete")
    told = Counter((row["usage"] or {}).get("output") for row in settled if row["upstream_status"] == 200)
    if _nameless(transcript):
        return []
    missing = whole - told
    unknown = sum(row.get("estimated") in _UNSURE for row in booked)
    return [f"I1: attempts of {dict(missing)} tokens are not in the ledger ({dict(told)})"] if missing.total() > unknown else []
