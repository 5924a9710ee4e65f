"""What a test over a socket cannot bring about at will: how the pieces of an answer come."""

import asyncio
from typing import Any
from unittest import mock

import pytest

from tidegate.adapters.http_connection import BUFFER, Connection

LONG = b"x" * (BUFFER + 1)
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(LONG) + LONG


@pytest.mark.parametrize("read", [True, False], ids=["read", "left"])
async def test_a_long_answer_in_one_piece_leaves_the_connection_fit_for_another(read: bool) -> None:
    connection = Connection(asyncio.get_running_loop(), lambda _lost: None)
    transport: Any = mock.create_autospec(asyncio.Transport, instance=True)
    connection.connection_made(transport)
    for number in range(1, 4):
        connection.send(b"POST / HTTP/1.1\r\n\r\n", b"", 5.0)
        connection.data_received(ANSWER)
        if read:
            assert connection.whole() == LONG
        assert connection.finish()
        assert (transport.pause_reading.call_count, transport.resume_reading.call_count) == (number, number)
