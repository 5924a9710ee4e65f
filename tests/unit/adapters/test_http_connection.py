"""What a test over a socket cannot bring about at will: how the pieces of an answer come."""

import asyncio
from typing import Any
from unittest import mock

import pytest

from tidegate.adapters.http_connection import BUFFER, Connection
from tidegate.ports import UpstreamFailure

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


def streaming() -> Connection:
    connection = Connection(asyncio.get_running_loop(), lambda _lost: None)
    connection.connection_made(mock.create_autospec(asyncio.Transport, instance=True))
    connection.send(b"POST / HTTP/1.1\r\n\r\n", b"", 5.0)
    connection.data_received(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    return connection


async def test_what_came_before_a_fault_is_given_and_the_fault_is_told() -> None:
    connection, got = streaming(), list[bytes]()
    asyncio.get_running_loop().call_soon(connection.data_received, b"3\r\nabc\r\nno chunk\r\n")
    with pytest.raises(UpstreamFailure, match="no HTTP"):
        await connection.pump(lambda data: got.append(data) is None)
    assert got == [b"abc"]


async def test_a_failure_of_whoever_takes_the_pieces_is_no_stop() -> None:
    connection = streaming()

    def give(_data: bytes) -> bool:
        raise UpstreamFailure("body", "broken")

    asyncio.get_running_loop().call_soon(connection.data_received, b"3\r\nabc\r\n")
    with pytest.raises(UpstreamFailure, match="broken"):
        await connection.pump(give)


async def test_a_request_that_goes_on_while_its_answer_comes_ends_no_answer() -> None:
    connection, got = streaming(), list[bytes]()
    loop = asyncio.get_running_loop()
    loop.call_soon(connection.pause_writing)
    loop.call_soon(connection.resume_writing)
    loop.call_later(0.01, connection.data_received, b"3\r\nabc\r\n0\r\n\r\n")
    assert await connection.pump(lambda data: got.append(data) is None)
    assert got == [b"abc"]
