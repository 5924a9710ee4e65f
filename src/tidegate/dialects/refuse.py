"""What no translation can honour, whatever the target: answers have one choice of text, without log probabilities."""

from typing import cast

from tidegate.dialects.terms import term
from tidegate.ir.errors import unsupported
from tidegate.ir.json import Json
from tidegate.ir.request import Request


def refuse(request: Request, target: str, outputs: tuple[str, ...] = ("text",)) -> None:
    """For requests of other dialects. Raises `unsupported` with the client's name of the field; `target` is whom it is told of, `outputs`
    are the kinds of output that it has."""
    if request.n is not None and request.n != 1:
        raise unsupported(f"{target} gives one answer per call here", term(request, "n"))
    if request.logprobs or request.top_logprobs:
        field = "logprobs" if request.logprobs else "top_logprobs"
        raise unsupported(f"{target} gives no log probabilities here", term(request, field))
    for kind in modalities(request):
        if kind not in outputs:
            raise unsupported(f"{target} answers in {' and '.join(outputs)} here", term(request, "modalities"))


def modalities(request: Request) -> list[Json]:
    """The kinds of output that are asked for, which OpenAI's dialects leave among the extras."""
    asked = request.modalities or request.extras.get("modalities")
    return cast("list[Json]", asked) if type(asked) is list else []
