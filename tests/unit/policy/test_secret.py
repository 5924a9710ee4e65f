"""A secret is shown by `reveal` alone."""

import copy
import json
import operator
import pickle

import msgspec
import pytest

from tidegate.policy.secret import Secret

CANARY = "sk-canary-4711"


def test_it_is_revealed_on_demand() -> None:
    assert Secret(CANARY).reveal() == CANARY


def test_nothing_shows_it_by_accident() -> None:
    secret = Secret(CANARY)

    class Holder(msgspec.Struct):
        secret: Secret

    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r}", operator.mod("%s", secret), repr([secret]), repr(Holder(secret))]
    shown += [copy.copy(secret), copy.deepcopy(secret), pickle.loads(pickle.dumps(secret)), repr(pickle.dumps(secret))]
    assert all("***" in text and CANARY not in text for text in map(str, shown)), shown


def test_json_refuses_it() -> None:
    for encode in (json.dumps, msgspec.json.encode, msgspec.msgpack.encode):
        with pytest.raises(TypeError) as refused:
            encode({"key": Secret(CANARY)})
        assert CANARY not in str(refused.value)


def test_equality_tells_nothing() -> None:
    assert Secret(CANARY) != Secret(CANARY)
