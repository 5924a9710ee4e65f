"""What all drills may ask for."""

from collections.abc import Generator

import pytest
from tests.e2e.wire import Provider

from tidegate.sandbox.server import running


@pytest.fixture(scope="module")
def provider() -> Generator[Provider]:
    """The scripted provider, with its own account of what it did."""
    with running() as sandbox:
        yield Provider(sandbox)
