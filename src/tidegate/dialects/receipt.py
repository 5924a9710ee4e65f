"""What every encoder of a request keeps: whom it encodes for, what got lost, and the names of fields in the client's own terms. Each
dialect adds what it asks of its targets."""

from typing import ClassVar

import msgspec

from tidegate.dialects.terms import term, tool_field, unmodelled
from tidegate.ir.json import JsonObject
from tidegate.ir.loss import Loss
from tidegate.ir.request import Request
from tidegate.ir.target import Profile


class BaseReceipt(msgspec.Struct):
    """One request on its way to one target. `own` says that the request is of the target's dialect, so that its extras and native parts are
    emitted; `renamed` are the tools of which it is told already that they are called otherwise there."""

    no_field: ClassVar[str]
    """What is told of a field that nobody models."""
    request: Request
    profile: Profile
    own: bool
    losses: list[Loss] = []
    renamed: set[str] = set()

    def name(self, field: str) -> str:
        """A field of the neutral request under the client's name for it."""
        return term(self.request, field)

    def inner(self, path: str, kind: str, field: str) -> str:
        """The path of a field of a tool or call."""
        return f"{path}.{tool_field(self.request, kind, field)}"

    def mapped(self, path: str, reason: str) -> None:
        self.losses.append(Loss("mapped", path, reason))

    def emulated(self, path: str, reason: str) -> None:
        self.losses.append(Loss("emulated", path, reason))

    def dropped(self, path: str, reason: str) -> None:
        self.losses.append(Loss("dropped", path, reason))

    def foreign_extras(self, extras: JsonObject, path: str) -> None:
        """Fields of another dialect that nobody models."""
        for where in unmodelled(extras, path):
            self.dropped(where, self.no_field)
