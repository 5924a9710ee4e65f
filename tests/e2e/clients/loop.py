"""What every script of this folder says and tells: a loop of three tools that the prompt orders from the sandbox. They run in the virtual
environment of the frameworks, without Tidegate."""

import json
import os
from typing import Any

URL, KEY, MODEL = os.environ["GATEWAY"], os.environ["KEY"], os.environ["MODEL"]
CALLED: list[int] = []


def add_one(n: int) -> int:
    """Adds one to a number."""
    CALLED.append(n)
    return n + 1


def _call(n: int, then: dict[str, Any]) -> dict[str, Any]:
    return {"tool_calls": [{"name": "add_one", "arguments": {"n": n}}], "then": then}


PROMPT = "Please. " + json.dumps({"sandbox": _call(0, _call(1, _call(2, {"text": "Done: 3."})))})


def told(name: str, answer: str) -> None:
    """One line for the test."""
    print(json.dumps({"name": name, "answer": answer, "called": CALLED}))
    CALLED.clear()
