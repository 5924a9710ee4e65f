import re

import pytest
from tests.unit.dialects.anthropic.making import message

from tidegate.dialects.names import client_name, fits, shortened
from tidegate.ir.request import NativeTool, Request, Tool


def test_what_fits() -> None:
    assert fits("get_weather-2", 64)
    assert fits("a" * 64, 64)
    assert not fits("a" * 65, 64)
    assert not fits("a.b", 64)
    assert not fits("a\n", 64)
    assert not fits("", 64)


@pytest.mark.parametrize("name", ["a.b", "a:b", "", "x" * 300, "wetter_für_kiel", "\ud800"])
def test_a_shortened_name_fits_everywhere(name: str) -> None:
    short = shortened(name)
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", short)
    assert short == shortened(name)


def test_names_that_are_alike_stay_apart() -> None:
    assert len({shortened(name) for name in ("a.b", "a:b", "a b", "x" * 70, "x" * 71)}) == 5


def test_the_clients_names_are_found_again() -> None:
    request = Request(dialect="d", model="m", messages=[message("user", "x")])
    assert client_name(shortened("a.b"), request) == shortened("a.b")
    request.tools = [NativeTool("d", {"type": "x"}), Tool("plain"), Tool("a_12345678"), Tool("a.b"), Tool("x" * 65)]
    for name in ("a.b", "x" * 65):
        assert client_name(shortened(name), request) == name
    for name in ("plain", "other", "", "a_12345678", "b_12345678"):
        assert client_name(name, request) == name
