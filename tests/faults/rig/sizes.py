"""How big the drills are: small in every test run, as the programme says under `make faults-long`."""

import os

import msgspec


class Sizes(msgspec.Struct, frozen=True):
    kills: int = 3
    disconnects: int = 60
    outage: float = 4.0
    """Seconds that a store is away."""
    rate: float = 20.0
    """Calls per second of the open loop."""
    load: float = 6.0
    """Seconds of it."""
    streams: int = 40
    """Open at once."""


LONG = Sizes(kills=100, disconnects=1000, outage=60.0, rate=60.0, load=60.0, streams=500)


def sizes() -> Sizes:
    return LONG if os.environ.get("TIDEGATE_FAULTS") == "long" else Sizes()
