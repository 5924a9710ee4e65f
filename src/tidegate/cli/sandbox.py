"""`tidegate sandbox`: the scriptable fake provider on a port of its own."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tidegate.cli.options import complain
from tidegate.sandbox import server

Host = Annotated[str, Parameter(help="The address to listen on.")]
Port = Annotated[int, Parameter(help="The port to listen on; 0 takes a free one, which is printed.")]
Log = Annotated[
    Path | None, Parameter(help="A file that gets one JSON line for each request: what was asked, what was sent, how it ended.")
]
Seed = Annotated[int, Parameter(help="Same seed and same prompt, same answer.")]
Lenient = Annotated[bool, Parameter(negative=(), help="Take requests that the real providers would refuse.")]


def sandbox(*, host: Host = "127.0.0.1", port: Port = 8089, log: Log = None, seed: Seed = 0, lenient: Lenient = False) -> int:
    """See `texts.SANDBOX`."""
    try:
        server.serve(host, port, log, seed=seed, lenient=lenient)
    except OSError as error:
        complain(f"error: {host}:{port} cannot be used: {error.strerror or error}")
        return 1
    return 0
