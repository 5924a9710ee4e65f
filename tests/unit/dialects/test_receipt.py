"""What every receipt tells: losses in the client's own terms."""

from tidegate.dialects.anthropic.receipt import Receipt
from tidegate.ir.loss import Loss
from tidegate.ir.request import Request
from tidegate.ir.target import Capabilities, Profile, Quirks

PROFILE = Profile(provider="p", model="m", capabilities=Capabilities(), quirks=Quirks())


def test_losses_are_told_in_the_clients_terms() -> None:
    receipt = Receipt(Request(dialect="openai_chat", model="m", messages=[]), PROFILE, own=False)
    receipt.mapped(receipt.name("output"), "a")
    receipt.emulated(receipt.inner("tools[0]", "function", "name"), "b")
    receipt.foreign_extras({"prediction": 1, "nothing": None, "reasoning": {"new": 2}}, "")
    assert receipt.losses == [
        Loss("mapped", "response_format", "a"),
        Loss("emulated", "tools[0].function.name", "b"),
        Loss("dropped", "prediction", "Anthropic has no such field"),
        Loss("dropped", "reasoning.new", "Anthropic has no such field"),
    ]


def test_two_receipts_share_nothing() -> None:
    first, second = (Receipt(Request(dialect="gemini", model="m", messages=[]), PROFILE, own=False) for _ in range(2))
    first.dropped("x", "y")
    assert not second.losses
