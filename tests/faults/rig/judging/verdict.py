"""What the judge says."""

import msgspec


class Verdict(msgspec.Struct):
    """`figures` are counts for the page; `breaches` name the invariant and the call."""

    figures: dict[str, int]
    breaches: list[str]

    def __str__(self) -> str:
        told = ", ".join(f"{count} {name}" for name, count in self.figures.items())
        return f"{told}, {len(self.breaches)} breaches"
