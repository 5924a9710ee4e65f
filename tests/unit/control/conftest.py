"""A place for configurations."""

from pathlib import Path

import pytest
from tests.unit.control.configs import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)
