"""The judge: after everything has come to rest it recomputes what must hold of calls, from what each side says for itself.

`truth` is the provider's log, `rows` are the ledger's (as usage events), `transcripts` what the clients saw. What it holds them
against is in `judging`, by who says it; what a gateway holds and leaves behind is judged where a stage ends.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tests.faults.rig.calls import Transcript
from tests.faults.rig.judging import books, heard
from tests.faults.rig.judging.verdict import Verdict

_INPUT = ("input", "cache_read", "cache_write")


def judge(
    transcripts: Sequence[Transcript],
    truth: Iterable[Mapping[str, Any]],
    rows: Iterable[Mapping[str, Any]],
    *,
    texts: Mapping[int, Sequence[str]] | None = None,
    killed: bool = False,
    secrets: Iterable[str] = (),
) -> Verdict:
    """`texts` are what each target would answer to a call, by its number. Under `killed` gateways were ended by force: their clients were
    cut, and what ran may be `unknown` in the ledger. `secrets` are what no client may hear, besides its own key."""
    named = {transcript.headers.get("x-request-id", ""): transcript.call.number for transcript in transcripts}
    sent, booked = _by_number(truth, _sent), _by_number(rows, lambda row: named.get(row["request_id"]) or _booked(row))
    breaches: list[str] = [*books.once(booked), *books.charged_apart(transcripts, booked)]
    figures: Counter[str] = Counter(calls=len(transcripts))
    for transcript in transcripts:
        number = transcript.call.number
        figures[_how(transcript)] += 1
        flaws = [*heard.ended(transcript, killed=killed), *heard.its_own(transcript), *heard.tells_no_secret(transcript, secrets)]
        if texts is not None and transcript.answer is not None:
            flaws += heard.one_attempt(transcript, texts[number])
        flaws += books.conserved(transcript, sent[number], booked[number])
        flaws += books.hidden(transcript, sent[number], booked[number])
        breaches += [f"{number}: {flaw}" for flaw in flaws]
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
    return "answered" if transcript.is_well else "broken off with an error"
