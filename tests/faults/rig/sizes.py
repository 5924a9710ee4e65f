"""How big the drills are: small in every test run, as the programme says under `make faults-long`."""

import os

import msgspec
import pytest


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
    clients: int = 24
    """At once against one budget."""
    owners: int = 2
    """Killed, one after the other, while they hold of it."""
    pause: float = 0.5
    """Seconds between two of these."""
    conservation: int = 2000
    """Calls of which every token is looked for."""
    minutes: float = 0.05
    """Of too many tokens per minute; less than one is one window's at once."""
    spooled: int = 2000
    """Events in a spool whose drainer is killed."""
    drainer_kills: int = 2
    commits: int = 4
    """That are cut off while they are under way."""
    silence: float = 4.0
    """Seconds in which a database is there and says nothing."""
    leavers: int = 70
    """Clients that leave at once where their answers are read on."""
    redis_losses: int = 1
    """Of each kind."""
    mutations: int = 150
    """Of the spool's segments, in each test."""
    ordered: int = 1
    """Calls of each kind whose order of writes and answers is looked at."""
    storm_rate: float = 20.0
    """Calls per second to a provider that refuses everything."""
    keys: int = 20
    """Idempotency keys, each sent several times."""
    cut_keys: int = 1
    """Kills between calls with keys."""
    edits: int = 120
    """That race the replicas which read them."""
    idle_streams: int = 60
    gateways: int = 1
    """Among which they are divided."""
    beats: int = 3
    """Events of an idle stream."""
    apart: float = 0.7
    """Seconds between two of them."""
    after: float = 0.0
    """Seconds after their end at which memory is looked at."""
    tricklers: int = 40
    slow_readers: int = 24
    places: int = 4
    """Calls that a target takes at one time."""
    answer_ms: int = 200
    """For which each of them takes one."""
    flood: float = 1.5
    """Seconds of each load that is more than there is room for."""
    storm: float = 3.0
    """Seconds in which a provider refuses everything."""
    retry_after: int = 1
    """Seconds for which it asks to be left alone."""


LONG = Sizes(
    kills=100,
    disconnects=1000,
    outage=60.0,
    rate=100.0,
    load=60.0,
    streams=500,
    clients=200,
    owners=30,
    pause=20.0,
    conservation=20_000,
    minutes=3.0,
    flood=30.0,
    storm=300.0,
    storm_rate=100.0,
    spooled=200_000,
    drainer_kills=50,
    commits=500,
    edits=10_000,
    silence=300.0,
    leavers=200,
    redis_losses=5,
    mutations=2000,
    ordered=250,
    keys=1000,
    cut_keys=50,
    idle_streams=10_000,
    gateways=2,
    beats=40,
    after=60.0,
    apart=15.0,
    tricklers=2000,
    slow_readers=200,
    places=16,
    answer_ms=800,
    retry_after=7,
)


SEED = int(os.environ.get("TIDEGATE_SEED", "1"))
"""Of what is left to chance in drills that are run several times."""
IS_LONG = os.environ.get("TIDEGATE_FAULTS") == "long"


def nightly(why: str) -> pytest.MarkDecorator:
    """Marks drills that have no small size; `why` is what they cost."""
    return pytest.mark.skipif(not IS_LONG, reason=f"{why}: only at nightly size (make faults-long)")


def sizes() -> Sizes:
    return LONG if IS_LONG else Sizes()
