import pytest

from tidegate.ir.target import Quirks
from tidegate.providers.spec import ProviderSpec, Wire

SPEC = ProviderSpec(
    name="x",
    title="X",
    dialect="a",
    base_url="https://x",
    auth="none",
    also=("b", "c"),
    framing="f",
    quirks=Quirks(drop=("one",)),
    wires={"b": Wire(framing="g", quirks=Quirks(drop=("two",)))},
    strip=("us-gov.", "us."),
)


def test_each_dialect_has_its_own_wire() -> None:
    assert [SPEC.wire(name).framing for name in ("a", "b", "c")] == ["f", "g", ""]
    assert [SPEC.wire(name).quirks.drop for name in ("a", "b", "c")] == [("one",), ("two",), ()]


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("us.anthropic.x", "anthropic.x"),
        ("us-gov.anthropic.x", "anthropic.x"),
        ("anthropic.us.x", "anthropic.us.x"),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.x", "anthropic.x"),
        ("arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", "abc"),
    ],
)
def test_where_a_model_runs_is_no_part_of_what_it_is(name: str, bare: str) -> None:
    assert SPEC.bare(name) == bare
