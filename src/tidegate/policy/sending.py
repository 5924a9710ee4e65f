"""How calls of one dialect go to one target, as far as no call has a say in it: `Planner.sending` works it out once for its snapshot."""

from urllib.parse import quote

import msgspec

from tidegate.dialects.base import Dialect
from tidegate.dialects.table import DIALECTS
from tidegate.ir.content import Origin
from tidegate.ir.target import Quirks
from tidegate.policy.secret import Secret
from tidegate.policy.snapshot import Target


class Proof(msgspec.Struct, frozen=True):
    """Headers of the provider's row, with its credential where that is one to send as it is. Where it is exchanged for an access token
    (`exchange`), `credential` is what for: None where the machine's own identity is."""

    headers: dict[str, str]
    credential: Secret | None = None
    exchange: bool = False


_NO_QUIRKS = Quirks()


class Sending:
    """`dialect` is the target's, `framing` that of its streams, `profile` what the encoder of requests asks of it. `url` is where whole
    answers are asked for, `stream_url` where streams are. `proved` is what the configured credential was last revealed as, with its
    proof."""

    __slots__ = ("dialect", "framing", "has_quirks", "origin", "profile", "proved", "stream_url", "target", "url", "wire")

    def __init__(self, target: Target, client: Dialect) -> None:
        spec = target.upstream.spec
        dialect = self.dialect = DIALECTS[target.dialect_for(client.name, client.framing)]
        wire = self.wire = spec.wire(dialect.name)
        path = wire.paths.get("generate", dialect.path)
        streamed = wire.paths.get("stream", "") or (path if "generate" in wire.paths else dialect.stream_path or path)
        self.target = target
        self.framing = wire.framing or dialect.framing
        self.profile = msgspec.structs.replace(target.profile, quirks=wire.quirks)
        self.has_quirks = wire.quirks != _NO_QUIRKS
        self.origin = Origin(dialect.name, spec.name, target.model)
        self.url = address(target, path)
        self.stream_url = address(target, streamed)
        self.proved: tuple[str | None, Proof] | None = None


def address(target: Target, path: str) -> str:
    """The URL of a path, `{model}` filled in."""
    if "{model}" in path:
        path = path.replace("{model}", quote(target.model, safe="@"))
    for name, value in target.upstream.parts.items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    return target.upstream.base_url + path
