"""What the ledger must say, beside the provider's own account: I1 conservation, I2 exactly once, I3 no hidden attempt, I4 cap, and I8 for
the keys that are charged."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.faults.rig.calls import Transcript
from tests.support.replicas import costs

Row = Mapping[str, Any]
_UNSURE = frozenset({"process_ended", "client_disconnect"})


def once(booked: Mapping[int, Sequence[Row]]) -> list[str]:
    names = Counter((row["request_id"], row["attempt"], row.get("entry")) for rows in booked.values() for row in rows)
    return [f"I2: {name} is {count} times in the ledger" for name, count in names.items() if count > 1]


def hidden(transcript: Transcript, sent: Sequence[Row], booked: Sequence[Row]) -> list[str]:
    """A kept connection that dies at once, before a byte of an answer, is taken for one that was closed already: the request is sent once
    more, and both sendings are one attempt with one row."""
    if _nameless(transcript):
        return []
    again = sum(attempt["sent_bytes"] == 0 and attempt["end"] in ("rst", "fin") for attempt in sent)
    missing = len(sent) - len(booked)
    return [f"I3: {len(sent)} attempts, {len(booked)} rows"] if missing > again else []


def conserved(transcript: Transcript, sent: Sequence[Row], booked: Sequence[Row]) -> list[str]:
    """Of attempts that the provider ended properly: their tokens are in the ledger, once."""
    settled = [row for row in booked if row.get("estimated") not in _UNSURE]
    whole = Counter(attempt["tokens"] for attempt in sent if attempt["end"] == "complete")
    told = Counter((row["usage"] or {}).get("output") for row in settled if row["upstream_status"] == 200)
    if _nameless(transcript):
        return []
    missing = whole - told
    unknown = sum(row.get("estimated") in _UNSURE for row in booked)
    return [f"I1: attempts of {dict(missing)} tokens are not in the ledger ({dict(told)})"] if missing.total() > unknown else []


def charged_apart(transcripts: Iterable[Transcript], booked: Mapping[int, Sequence[Row]]) -> list[str]:
    """I8: no key of the ledger is charged for what two credentials did, and no credential's calls are charged to two keys."""
    keys: dict[str, dict[str, int]] = defaultdict(dict)
    for transcript in transcripts:
        for row in booked[transcript.call.number]:
            if row.get("key"):
                keys[transcript.key].setdefault(row["key"], transcript.call.number)
    of: dict[str, str] = {}
    flaws: list[str] = []
    for credential, found in keys.items():
        if len(found) > 1:
            flaws.append(f"{max(found.values())}: I8: calls with one credential are charged to the keys {sorted(found)}")
        for key, number in found.items():
            if of.setdefault(key, credential) != credential:
                flaws.append(f"{number}: I8: it is charged to the key {key}, as calls with another credential are")
    return flaws


def capped(costs: Iterable[tuple[object, int]], limit: int, lacking: int = 0) -> list[str]:
    """I4: a hard budget of so many nano-dollars holds over (call, nano-dollars) in the order of their time. `lacking` is what calls in
    flight may use beyond their reservations: nothing, but where a budget is only estimated."""
    spent = 0
    for call, nano in costs:
        spent += nano
        if spent > limit + lacking:
            return [f"{call}: I4: {spent} nano-dollars are spent with it, {limit} may be{f' and {lacking} over it' if lacking else ''}"]
    return []


def sent_costs(attempts: Sequence[Row], price_in: int, price_out: int) -> list[tuple[str, int]]:
    """What each attempt of the provider's own account came to, at prices per million tokens."""
    return [(one["id"], nano) for one, nano in zip(attempts, costs(attempts, price_in, price_out), strict=True)]


def row_costs(rows: Iterable[Row]) -> list[tuple[str, int]]:
    """What the ledger says that each call cost, for `capped`."""
    return [(row["request_id"], row["cost_nano"] or 0) for row in sorted(rows, key=lambda row: row["at"])]


def _nameless(transcript: Transcript) -> bool:
    """Nobody can say which row without usage is this client's: it has no head with an id. As a whole, attempts and rows are compared."""
    return transcript.end == "left" or (transcript.end == "cut" and transcript.status is None)
