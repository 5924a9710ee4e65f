"""What the operator says about overload, as values of the snapshot."""

import msgspec


class Overload(msgspec.Struct, frozen=True, kw_only=True):
    """A call waits for its turn for at most `wait` seconds (0: it is turned away at once), and at most `most` calls for one thing. `memory`
    is in bytes; None is what the container or the machine has."""

    wait: float = 1.0
    most: int = 1000
    memory: int | None = None
