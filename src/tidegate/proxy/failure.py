"""Why a target gave no answer: a value that the pipeline weighs before it tries the next one or tells the client."""

import msgspec

from tidegate.ir.errors import Error, ErrorKind
from tidegate.policy.snapshot import Target
from tidegate.ports import RawHeaders, UpstreamFailure

UNRECORDED = Error(
    kind=ErrorKind.UNAVAILABLE,
    message="The gateway cannot record usage, because its disk is full or failing, and so takes no new calls. Its log says more.",
    code="usage_storage_unavailable",
)


class Failure(msgspec.Struct, frozen=True):
    """`body` is the provider's own error body, where the client speaks its dialect and can have it as it came."""

    error: Error
    headers: RawHeaders = []
    body: bytes | None = None


def failure_of(broken: UpstreamFailure, target: Target) -> Failure:
    """The client's word for a failure below HTTP: 504 for silence, 502 for everything else."""
    name = target.upstream.name
    if broken.timeout and broken.phase != "connect":
        return Failure(Error(kind=ErrorKind.TIMEOUT, message=f"{name} did not answer in time: {broken}", code="upstream_timeout"))
    if broken.phase == "connect":
        message = f"{name} cannot be reached: {broken}. Check its `base_url`, and that this machine may connect to it."
        return Failure(Error(kind=ErrorKind.UPSTREAM, message=message, code="upstream_unreachable"))
    return Failure(Error(kind=ErrorKind.UPSTREAM, message=f"{name} broke off: {broken}", code="upstream_broken"))
