import pytest

from tidegate.ir.errors import ErrorKind, GatewayError
from tidegate.policy.ticket import Ticket, read, written

TICKET = Ticket("org", "key", "file-1")


def test_a_ticket_is_what_was_written() -> None:
    assert read(written(TICKET, b"pepper"), b"pepper") == TICKET


@pytest.mark.parametrize("text", ["", "x", "é", "A" * 2000, written(TICKET, b"other"), written(TICKET, b"pepper")[:-1]])
def test_no_other_is_taken(text: str) -> None:
    with pytest.raises(GatewayError) as refused:
        read(text, b"pepper")
    assert refused.value.error.kind is ErrorKind.AUTHENTICATION
