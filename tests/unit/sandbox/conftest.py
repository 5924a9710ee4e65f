"""A running sandbox for every test of a module, on a free loopback port."""

from collections.abc import Iterator

import pytest

from tidegate.sandbox.server import Running, running


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Running]:
    with running() as server:
        yield server
