"""What the data plane holds: the current snapshot and the adapters. Passed, never imported; two gateways can live in one process."""

from collections.abc import Awaitable, Callable

import msgspec

from tidegate.policy.charges import Rows
from tidegate.policy.health import Health
from tidegate.policy.route import Planner
from tidegate.policy.snapshot import Snapshot
from tidegate.ports import (
    AccessTokens,
    Clock,
    Events,
    FreeQuota,
    Ledger,
    Metrics,
    Random,
    ThinkingCache,
    TokenCounter,
    Upstream,
)
from tidegate.ports.kept import Conversations
from tidegate.ports.limits import Counters
from tidegate.ports.scratch import Scratch
from tidegate.proxy.door import Door
from tidegate.proxy.drains import Drains
from tidegate.proxy.onces import Onces


class Live(msgspec.Struct):
    """The snapshot in force and its planner, swapped as one. A call captures `current` once. `rows` are the limits of the database,
    `health` is how the targets are. `is_ending`: no new calls are wanted. `cuts`: calls are cancelled because the process ends, and their
    clients are still there."""

    current: Planner
    rows: Rows = msgspec.field(default_factory=Rows)
    health: Health = msgspec.field(default_factory=Health)
    clock_offset: float = 0.0
    """Seconds by which this machine's clock is ahead of the database's."""
    is_ending: bool = False
    cuts: bool = False

    @property
    def snapshot(self) -> Snapshot:
        return self.current.snapshot


class Late(msgspec.Struct):
    """What comes once the database can be used, after calls are served: the ledger that usage is asked of, and what runs
    batches."""

    ledger: Ledger | None = None
    fresh_keys: Callable[[], Awaitable[bool]] | None = None
    """Waits for the database's word on keys that were made meanwhile. False where there is none."""
    batched: Callable[[], None] | None = None
    """Tells the runner of batches, where there is one, that there is something to do."""


class App(msgspec.Struct, frozen=True, kw_only=True):
    live: Live
    upstream: Upstream
    events: Events
    metrics: Metrics
    clock: Clock
    random: Random
    thinking: ThinkingCache
    tokens: TokenCounter
    counters: Counters
    access: AccessTokens
    conversations: Conversations
    late: Late
    free: FreeQuota
    onces: Onces = msgspec.field(default_factory=Onces)
    """Answers of calls that are made once."""
    scratch: Scratch
    door: Door
    drains: Drains = msgspec.field(default_factory=Drains)
    """Exchanges that go on without their client."""
