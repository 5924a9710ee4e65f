"""Inputs made of others: bytes changed, cut, doubled and moved, and for JSON values changed in their places."""

import copy
import json
import random
from typing import Any

_ODD = (
    "null",
    "true",
    "0",
    "-1",
    "1e20",
    "100000000000000000000",
    "1.5",
    '""',
    '"x"',
    "[]",
    "{}",
    "[[]]",
    '{"type":"x"}',
    '"\\ud800"',
    '"\\u0000"',
)
_TOKENS = (
    b"\r\n",
    b"\n\n",
    b"\r",
    b"\0",
    b"{}",
    b"[]",
    b'"',
    b"\\",
    b",",
    b":",
    b"\xff",
    b"\xef\xbb\xbf",
    b"--b0",
    b"data: ",
    b"%00",
    b"1e999",
)


def mutated(drawn: random.Random, data: bytes) -> bytes:
    if data[:1] in (b"{", b"[") and drawn.random() < 0.7:
        try:
            return _of_json(drawn, data)
        except (ValueError, RecursionError):
            pass
    if data.startswith((b"data:", b"event:")) and drawn.random() < 0.7:
        return _of_events(drawn, data)
    return _of_bytes(drawn, data)


def _of_bytes(drawn: random.Random, data: bytes) -> bytes:
    for _ in range(drawn.randint(1, 4)):
        at, end = sorted(drawn.randint(0, len(data)) for _ in range(2))
        match drawn.randrange(5):
            case 0:
                data = data[:at] + data[end:]
            case 1:
                data = data[:at] + drawn.randbytes(1) + data[at + 1 :]
            case 2:
                data = data[:at] + drawn.choice(_TOKENS) + data[at:]
            case 3:
                data = data[:end] + data[at:end] + data[end:]
            case _:
                data = data[end:] + data[at:end] + data[:at]
    return data[: 64 << 10]


def _of_json(drawn: random.Random, data: bytes) -> bytes:
    value = json.loads(data)
    for _ in range(drawn.randint(1, 3)):
        places = [(inner, key) for inner in _containers(value) for key in (inner if isinstance(inner, dict) else range(len(inner)))]
        if not places:
            break
        inner, key = drawn.choice(places)
        match drawn.randrange(4):
            case 0 if isinstance(inner, dict):
                del inner[key]
            case 1:
                inner[key] = [inner[key]]
            case 2:
                other, place = drawn.choice(places)
                inner[key] = copy.deepcopy(other[place])
            case _:
                inner[key] = json.loads(drawn.choice(_ODD))
    return json.dumps(value).encode()


def _containers(value: Any) -> list[Any]:
    found: list[Any] = []
    rest = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, dict | list):
            found.append(one)
            rest += one.values() if isinstance(one, dict) else one
    return found


def _of_events(drawn: random.Random, data: bytes) -> bytes:
    events = data.split(b"\n\n")
    at = drawn.randrange(len(events))
    head, mark, text = events[at].partition(b"data: ")
    match drawn.randrange(4):
        case 0:
            del events[at]
        case 1:
            events.insert(drawn.randrange(len(events)), events[at])
        case 2 if text[:1] in (b"{", b"["):
            events[at] = head + mark + mutated(drawn, text)
        case _:
            events[at] = _of_bytes(drawn, events[at])
    return b"\n\n".join(events)
