"""What clients may hear, by their transcripts alone: I6 one attempt, I7 one proper end, I8 nothing of another call, I9 nothing with a
revoked key, I10 no secret, I12 answers soon after a fault has gone."""

import re
from collections.abc import Callable, Iterable, Sequence

from tests.faults.rig.calls import NONCE, Transcript

RECOVERED = 10.0
"""Seconds after a fault's end within which calls are answered again, without a restart."""
REVOKED = {"up": 2.0, "cut": 10.0}
"""Seconds until a revoked key is refused everywhere, with and without what tells replicas of a change."""
_NONCE = re.compile(rb"\b" + NONCE.encode() + rb"(\d{4,})\b")


def ended(transcript: Transcript, *, killed: bool) -> list[str]:
    if transcript.end == "left" or (killed and transcript.end == "cut"):
        return []
    if transcript.end != "complete" or transcript.answer is None:
        return [f"I7: the client's connection ended by {transcript.end} after {len(transcript.body)} bytes"]
    answer = transcript.answer
    return [f"I7: {flaw}" for flaw in answer.flaws if answer.error is None]


def one_attempt(transcript: Transcript, texts: Sequence[str]) -> list[str]:
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


def its_own(transcript: Transcript) -> list[str]:
    """Each answer of the provider repeats the number of its call in every word, unless a drill orders other words."""
    foreign = {
        int(found[1]) for found in _NONCE.finditer(transcript.body) if found.end() < len(transcript.body) or transcript.end == "complete"
    } - {transcript.call.number}
    return [f"I8: it has heard words of the calls {sorted(foreign)}"] if foreign else []


def tells_no_secret(transcript: Transcript, secrets: Iterable[str]) -> list[str]:
    """The client's own key is one: an answer may be kept where a key may not."""
    heard = transcript.body + repr(transcript.headers).encode()
    return [f"I10: it has heard a secret, {secret[:6]}…" for secret in {transcript.key, *secrets} if secret and secret.encode() in heard]


def refused(transcripts: Iterable[Transcript], key: str, at: float, within: float) -> list[str]:
    """I9: what began with `key` later than `within` seconds after `at`, when it was revoked, by `time.monotonic`."""
    return [
        f"{one.call.number}: I9: {one.began - at:.1f} s after its key was revoked it was told {one.status}"
        for one in transcripts
        if one.key == key and one.began > at + within and one.status != 401
    ]


def back_after(transcripts: Iterable[Transcript], since: float, is_well: Callable[[Transcript], bool] | None = None) -> float:
    """Seconds from `since`, when a fault had gone, to the begin of the first call after which all are well; infinite where none is."""
    later = sorted((one for one in transcripts if one.began >= since), key=lambda one: one.began)
    back = float("inf")
    for one in reversed(later):
        if not (one.is_well if is_well is None else is_well(one)):
            break
        back = one.began - since
    return back


def recovered(
    transcripts: Iterable[Transcript], since: float, *, within: float = RECOVERED, is_well: Callable[[Transcript], bool] | None = None
) -> list[str]:
    """I12. Who never called after the fault has proved nothing, and is told so."""
    found = list(transcripts)
    if back_after(found, since, is_well) <= within:
        return []
    later = [one for one in found if one.began >= since and not (one.is_well if is_well is None else is_well(one))]
    if not later:
        return [f"I12: no call began within {within:g} s after the fault had gone"]
    last = max(later, key=lambda one: one.began)
    return [f"{last.call.number}: I12: {last.began - since:.1f} s after the fault had gone it was told {last.status} ({last.end})"]
