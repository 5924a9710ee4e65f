"""Fuzzes one parser by Atheris: `python -m tests.fuzz.one NAME [libFuzzer's options] FOLDER`. Started by `scripts/fuzz.py`, since libFuzzer
ends its process."""

import importlib
import random
import sys

# By name, since only `make fuzz` installs it.
atheris = importlib.import_module("atheris")
with atheris.instrument_imports(include=["tidegate"]):
    from tests.fuzz.mutate import mutated
    from tests.fuzz.targets import TARGETS


def mutator(data: bytes, most: int, seed: int) -> bytes:
    """Half of the inputs are made by what knows JSON and events, the others by libFuzzer."""
    drawn = random.Random(seed)
    return mutated(drawn, data)[:most] if drawn.random() < 0.5 else atheris.Mutate(data, most)


if __name__ == "__main__":
    atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[sys.argv[1]], custom_mutator=mutator)
    atheris.Fuzz()
