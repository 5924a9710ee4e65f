import pytest
from tests.unit.control.configs import Place
from tests.unit.policy.values import MODELS, PEPPER

from tidegate.policy.snapshot import ServerSettings


def test_an_empty_file_serves_what_the_environment_has(place: Place) -> None:
    snapshot = place.load("").snapshot
    assert list(snapshot.upstreams) == ["anthropic", "sandbox"]
    assert (snapshot.generation, snapshot.pepper, snapshot.models, snapshot.server) == (1, PEPPER, MODELS, ServerSettings())


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("32MiB", 32 << 20),
        ("1KiB", 1024),
        ("500kB", 500_000),
        ("5 MB", 5_000_000),
        ("1GiB", 1 << 30),
        ("4096", 4096),
        ("'4096B'", 4096),
        ("2m", 2_000_000),
    ],
)
def test_sizes(place: Place, written: str, size: int) -> None:
    assert place.load(f"server: {{body_limit: {written}}}").snapshot.server.body_limit == size


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ("body_limit: 32Mxx", "server.body_limit: a size is a whole number with a unit, like `32MiB`"),
        ("body_limit: '-5'", "a size is"),
        ("body_limit: 1.5MiB", "a size is"),
        (f"body_limit: '{'9' * 5000}'", "a size is"),
        ("body_limit: 1", "between 1KiB and 1GiB"),
        ("body_limit: 2GiB", "between 1KiB and 1GiB"),
        ("cors: [example.com]", "server.cors[0]: an origin is"),
        ("cors: ['https://x.example/path']", "an origin is"),
    ],
)
def test_server_mistakes(place: Place, server: str, words: str) -> None:
    found = place.mistakes(f"server: {{{server}}}")
    assert len(found) == 1
    assert words in found[0]


def test_the_server_section(place: Place) -> None:
    server = place.load("server: {cors: ['https://App.example', '*', 'http://localhost:3000'], bodies_in_log: true}").snapshot.server
    assert server.cors == ("https://app.example", "*", "http://localhost:3000")
    assert server.bodies_in_log is True
