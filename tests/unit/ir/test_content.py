"""Origins: where a signature may go."""

import pytest

from tidegate.ir.content import Origin


@pytest.mark.parametrize(
    ("made", "accepted"),
    [
        (Origin("anthropic", "p", "m"), True),
        (Origin("anthropic", "p", "another"), True),
        (Origin("anthropic"), True),
        (Origin("anthropic", "q", "m"), False),
        (Origin("openai_chat", "p", "m"), False),
        (Origin(""), False),
    ],
)
def test_where_a_signature_may_go(made: Origin, accepted: bool) -> None:
    assert made.accepts("anthropic", "p") is accepted
