"""The operations by name: adding one is a line here and a surface in the proxy's table."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from tidegate.dialects.base import Dialect
from tidegate.dialects.openai_chat.dialect import DIALECT
from tidegate.dialects.operations import embeddings, rerank
from tidegate.dialects.operations.base import Operation
from tidegate.dialects.operations.taps import OperationTap, read_whole, refuse_errors


def _wire(path: str) -> Dialect:
    return msgspec.structs.replace(DIALECT, path=path, tap=OperationTap, tap_whole=read_whole, decode_response=refuse_errors)


_ALL = (
    Operation(name="embeddings", dialect=_wire("/embeddings"), shapes=embeddings.SHAPES),
    Operation(name="rerank", dialect=_wire("/rerank"), shapes=rerank.SHAPES),
    Operation(name="moderations", dialect=_wire("/moderations")),
    Operation(name="completions", dialect=_wire("/completions"), output=None),
    Operation(name="images/generations", dialect=_wire("/images/generations"), output=None, unbounded="images that the model makes"),
    Operation(name="images/edits", dialect=_wire("/images/edits"), output=None, unbounded="images that the model makes", media=True),
    Operation(
        name="images/variations", dialect=_wire("/images/variations"), output=None, unbounded="images that the model makes", media=True
    ),
    Operation(
        name="audio/transcriptions", dialect=_wire("/audio/transcriptions"), output=None, unbounded="audio that the model hears", media=True
    ),
    Operation(
        name="audio/translations", dialect=_wire("/audio/translations"), output=None, unbounded="audio that the model hears", media=True
    ),
    Operation(name="audio/speech", dialect=_wire("/audio/speech"), output=None, unbounded="speech that the model makes", media=True),
)
OPERATIONS: Mapping[str, Operation] = MappingProxyType({operation.name: operation for operation in _ALL})
