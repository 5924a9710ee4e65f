import pytest
from tests.unit.control.configs import ENVIRON, Place
from tests.unit.policy.values import MODELS, PEPPER

from tidegate.policy.overload.queue import Priority
from tidegate.policy.overload.slots import MOST_FOUND, Concurrency
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


@pytest.mark.parametrize(("days", "count"), [(35, 1), (61, 1), (62, 0), (400, 0), (0, 0)])
def test_usage_that_goes_before_its_month_is_billed_is_warned_of(place: Place, days: int, count: int) -> None:
    found = place.load(f"retention: {{usage_days: {days}}}")
    assert found.snapshot.usage_days == days
    assert len([problem for problem in found.warnings if "invoices" in problem.message and problem.line == 1]) == count


def test_the_server_section(place: Place) -> None:
    server = place.load("server: {cors: ['https://App.example', '*', 'http://localhost:3000'], bodies_in_log: true}").snapshot.server
    assert server.cors == ("https://app.example", "*", "http://localhost:3000")
    assert server.bodies_in_log is True


@pytest.mark.parametrize(
    ("overload", "words"),
    [
        ("queue_seconds: 61", "overload.queue_seconds: a call waits for 0 to 60 seconds"),
        ("queue_length: 0", "overload.queue_length: 1 to 100000 calls wait for one thing"),
        ("memory: 1MiB", "overload.memory: this is a whole number with a unit"),
        ("memory: much", "overload.memory: this is a whole number with a unit"),
    ],
)
def test_overload_mistakes(place: Place, overload: str, words: str) -> None:
    assert any(words in line for line in place.mistakes(f"overload: {{{overload}}}"))


def test_the_overload_section(place: Place) -> None:
    found = place.load("overload: {queue_seconds: 0.5, queue_length: 10, memory: 2GiB}").snapshot.overload
    assert (found.wait, found.most, found.memory) == (0.5, 10, 2 << 30)
    text = """
providers:
  lab: {kind: custom, dialect: openai_chat, base_url: "http://10.0.0.5/v1", max_concurrent: 8}
  auto: {kind: custom, dialect: openai_chat, base_url: "http://10.0.0.6/v1", max_concurrent: auto}
routes:
  nightly: {targets: [lab/x], priority: batch}
keys:
  - {name: low, value: "env:LOW", priority: background}
"""
    made = place.load(text, {**ENVIRON, "LOW": "a-key-of-more-than-twenty-letters"}).snapshot
    rules = {name: made.upstreams[name].concurrency for name in ("lab", "auto", "sandbox")}
    assert rules == {"lab": Concurrency(8), "auto": Concurrency(MOST_FOUND, adapts=True), "sandbox": None}
    assert made.routes["nightly"].rules.priority is Priority.BATCH
    assert [key.priority for key in made.keys_by_digest.values()] == [Priority.BACKGROUND]
    assert any("max_concurrent: this is `auto`, or a number" in line for line in place.mistakes("providers: {openai: {max_concurrent: 0}}"))
