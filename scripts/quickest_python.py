"""Reads paths of Python interpreters, a line each, and prints them again, the quickest first. An interpreter passes an earlier one only
where it is at least a sixth quicker, so that two of the same build keep their order. Runs on any Python 3.11, without packages."""

import subprocess
import sys

ROUNDS = 8
CLEARLY = 5 / 6
WORK = """
import time
class Row:
    def __init__(self, number):
        self.number = number
        self.names = {"a": number}
    def total(self, name):
        return self.names.get(name, 0) + self.number
def work():
    total = 0
    for number in range(30000):
        total += Row(number).total("a")
        total ^= len({name: value for name, value in (("q", number), ("r", total))})
best = 9e9
for _ in range(3):
    began = time.process_time()
    work()
    best = min(best, time.process_time() - began)
print(best)
"""


def main() -> int:
    paths = _different([line.strip() for line in sys.stdin if line.strip()])
    seconds = dict.fromkeys(paths, float("inf"))
    if len(paths) > 1:
        # In turns: what else the machine does meets all of them.
        for _ in range(ROUNDS):
            for path in paths:
                seconds[path] = min(seconds[path], _seconds(path))
    ordered: list[str] = []
    for path in paths:
        place = next((place for place, other in enumerate(ordered) if seconds[path] < seconds[other] * CLEARLY), len(ordered))
        ordered.insert(place, path)
    print("\n".join(ordered))
    return 0


def _different(paths: list[str]) -> list[str]:
    """One path for each interpreter: a shim or a link leads to another."""
    found: dict[str, str] = {}
    for path in paths:
        told = _run(path, "import sys; print(sys.base_exec_prefix, sys.version)")
        if told:
            found.setdefault(told, path)
    return list(found.values())


def _seconds(path: str) -> float:
    try:
        return float(_run(path, WORK) or "inf")
    except ValueError:
        return float("inf")


def _run(path: str, code: str) -> str:
    try:
        done = subprocess.run([path, "-I", "-c", code], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


if __name__ == "__main__":
    raise SystemExit(main())
