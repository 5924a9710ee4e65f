import os
from pathlib import Path

import msgspec
import pytest
from tests.support.clock import FixedClock
from tests.support.control import KEK
from tests.unit.control.configs import Place
from tests.unit.policy.values import PEPPER

from tidegate.adapters.sealing.envelope import EnvelopeSealer
from tidegate.adapters.sealing.keys import Keyring
from tidegate.control.load import Loaded
from tidegate.control.problems import Problem
from tidegate.control.vault import Vault
from tidegate.control.watch import Watcher
from tidegate.policy.keys import StoredKey, StoredKeys, format_token
from tidegate.records import Kept, StoredProvider, StoredRoute

VAULT = Vault(EnvelopeSealer(Keyring((KEK,), lambda: (KEK,))), FixedClock(1_800_000_000.0))


class Watched:
    """A watcher that is stepped by hand, and what came of it."""

    def __init__(self, place: Place, text: str) -> None:
        self.place = place
        self.published: list[Loaded] = []
        self.refused: list[tuple[Problem, ...]] = []
        place.file.write_text(text)
        loader = place.loader()
        self.watcher = Watcher(loader, loader.load(1), publish=self.published.append, refused=self.refused.append)

    async def looks(self, count: int = 2) -> int:
        """How many snapshots `count` looks brought."""
        return sum([await self.watcher.step() for _ in range(count)])


@pytest.fixture
def watched(place: Place) -> Watched:
    return Watched(place, "server: {bodies_in_log: false}")


async def test_an_edit_is_live_after_two_looks(watched: Watched) -> None:
    assert await watched.looks(3) == 0
    watched.place.file.write_text("server: {bodies_in_log: true}")
    assert await watched.looks(1) == 0
    assert await watched.looks(1) == 1
    assert await watched.looks(3) == 0
    assert watched.published[0].snapshot.generation == 2
    assert watched.published[0].snapshot.server.bodies_in_log is True


async def test_an_invalid_edit_is_refused_once_and_a_later_good_one_is_taken(watched: Watched) -> None:
    watched.place.file.write_text("server: {bodies_in_lag: true}")
    assert await watched.looks(5) == 0
    assert len(watched.refused) == 1
    assert "Did you mean `bodies_in_log`?" in watched.refused[0][0].message
    watched.place.file.write_text("server: {bodies_in_log: true}")
    assert await watched.looks() == 1
    assert watched.published[0].snapshot.generation == 2


async def test_a_file_that_is_still_being_written_waits(watched: Watched) -> None:
    watched.place.file.write_text("server: {bod")
    assert await watched.looks(1) == 0
    watched.place.file.write_text("server: {bodies_in_log: true}")
    assert await watched.looks(1) == 0
    assert await watched.looks(1) == 1
    assert watched.refused == []


async def test_a_file_that_never_holds_still_is_taken_in_the_end(watched: Watched) -> None:
    came = 0
    for number in range(8):
        watched.place.file.write_text(f"server: {{body_limit: {10_000 + number}}}")
        came += await watched.looks(1)
    assert came >= 1


async def test_same_content_is_no_edit(watched: Watched) -> None:
    watched.place.file.write_text("server: {bodies_in_log: false}")
    os.utime(watched.place.file, (1, 1))
    assert await watched.looks(3) == 0


async def test_an_edit_with_the_same_time_size_and_inode_is_seen_while_it_is_young(watched: Watched) -> None:
    status = watched.place.file.stat()
    with watched.place.file.open("r+") as file:
        file.write("server: {bodies_in_log: true} ")
    os.utime(watched.place.file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert watched.place.file.stat().st_mtime_ns == status.st_mtime_ns
    assert await watched.looks() == 1


async def test_a_replaced_file_and_one_behind_a_link_are_seen(place: Place) -> None:
    for name in ("one", "two"):
        (place.file.parent / name).write_text(f"server: {{bodies_in_log: {'true' if name == 'two' else 'false'}}}")
    place.file.symlink_to("one")
    loader = place.loader()
    published: list[Loaded] = []
    watcher = Watcher(loader, loader.load(1), publish=published.append, refused=lambda _: None)
    fresh = place.file.parent / "fresh"
    fresh.symlink_to("two")
    fresh.replace(place.file)
    assert [await watcher.step(), await watcher.step()] == [False, True]


async def test_a_secret_file_is_watched_from_the_load_that_named_it(watched: Watched) -> None:
    secret = watched.place.file.parent / "secret"
    watched.place.file.write_text("providers: {openai: {api_key: 'file:secret'}}")
    assert await watched.looks() == 0
    assert "cannot be read" in watched.refused[0][0].message
    secret.write_text("first")
    assert await watched.looks() == 1
    secret.write_text("second")
    assert await watched.looks() == 1
    credentials = [loaded.snapshot.upstreams["openai"].credential for loaded in watched.published]
    assert [credential.reveal() for credential in credentials if credential] == ["first", "second"]


async def test_the_key_file_is_watched(watched: Watched) -> None:
    row = StoredKey(id="4fGh71kLmN0p", name="n", env="live", digest=b"d" * 32)
    watched.place.stored = StoredKeys(pepper=PEPPER, keys=(row,))
    (watched.place.file.parent / "keys.json").write_text("changed")
    assert await watched.looks() == 1
    assert "4fGh71kLmN0p" in watched.published[0].snapshot.keys_by_id


async def test_a_key_is_revoked_also_while_the_file_is_invalid(watched: Watched) -> None:
    row = StoredKey(id="4fGh71kLmN0p", name="n", env="live", digest=b"d" * 32)
    key_file = watched.place.file.parent / "keys.json"
    watched.place.stored = StoredKeys(pepper=PEPPER, keys=(row,))
    watched.place.file.write_text(f"keys: [{{name: mine, value: {format_token('live', '0fGh71kLmN0p', 's' * 43)}}}]")
    assert await watched.looks() == 1
    assert watched.published[0].snapshot.keys_by_id.keys() == {"4fGh71kLmN0p", "0fGh71kLmN0p"}
    watched.place.file.write_text("nonsense: 1")
    assert await watched.looks() == 0
    watched.place.stored = StoredKeys(pepper=PEPPER, keys=(msgspec.structs.replace(row, revoked=1),))
    key_file.write_text("changed")
    assert await watched.looks() == 1
    snapshot = watched.published[1].snapshot
    assert (snapshot.generation, snapshot.keys_by_id.keys()) == (3, {"0fGh71kLmN0p"})
    assert len(watched.refused) == 2
    assert await watched.looks(3) == 0


async def test_a_vanished_file_keeps_the_old_configuration(watched: Watched) -> None:
    watched.place.file.unlink()
    assert await watched.looks(4) == 0
    assert ["no such file" in problem.message for problem in watched.refused[0]] == [True]
    assert len(watched.refused) == 1


async def test_a_file_that_appears_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    from tests.unit.control.test_load import default_loader

    loader = default_loader(tmp_path, monkeypatch)
    published: list[Loaded] = []
    watcher = Watcher(loader, loader.load(1), publish=published.append, refused=lambda _: None)
    (tmp_path / "tidegate.yaml").write_text("server: {bodies_in_log: true}")
    assert [await watcher.step(), await watcher.step()] == [False, True]
    assert published[0].config_file == Path("tidegate.yaml")


async def test_what_the_database_defines_is_live_at_once_and_outlives_edits_of_the_file(watched: Watched) -> None:
    kept = Kept(routes=(StoredRoute(id="r1", name="smart", entry={"targets": ["sandbox/echo"]}),))
    await watched.watcher.take(kept, VAULT)
    assert watched.watcher.vault is VAULT
    assert [sorted(loaded.snapshot.routes) for loaded in watched.published] == [["smart"]]
    await watched.watcher.take(kept, VAULT)
    assert len(watched.published) == 1
    watched.place.file.write_text("server: {bodies_in_log: true}")
    assert await watched.looks() == 1
    assert sorted(watched.published[-1].snapshot.routes) == ["smart"]
    assert [loaded.snapshot.generation for loaded in watched.published] == [2, 3]


async def test_a_mistake_in_the_file_keeps_nothing_of_the_database_alive(watched: Watched) -> None:
    await watched.watcher.take(Kept(routes=(StoredRoute(id="r1", name="smart", entry={"targets": ["sandbox/echo"]}),)), VAULT)
    watched.place.file.write_text("server: {bodies_in_lag: true}")
    assert await watched.looks() == 0
    await watched.watcher.take(Kept(), VAULT)
    assert watched.published[-1].snapshot.routes == {}


async def test_a_row_that_does_not_fit_the_file_is_left_out_and_told(watched: Watched) -> None:
    good = StoredRoute(id="r1", name="good", entry={"targets": ["sandbox/echo"]})
    bad = StoredRoute(id="r2", name="bad", entry={"targets": ["lab/x"]})
    lost = StoredProvider(id="p1", name="lost", entry={"kind": "custom", "dialect": "nonsense", "base_url": "https://lost.example"})
    await watched.watcher.take(Kept(providers=(lost,), routes=(good, bad)), VAULT)
    loaded = watched.published[-1]
    assert sorted(loaded.snapshot.routes) == ["good"]
    assert {(problem.file, problem.where) for problem in loaded.warnings} == {
        ("the database", "routes.bad.targets[0]"),
        ("the database", "providers.lost.dialect"),
    }
    watched.place.file.write_text('providers: {lab: {kind: custom, dialect: openai_chat, base_url: "http://10.0.0.5/v1"}}')
    assert await watched.looks() == 1
    assert sorted(watched.published[-1].snapshot.routes) == ["bad", "good"]


async def test_what_is_shown_of_lists_is_made_before_they_are_live(watched: Watched) -> None:
    order: list[str] = []
    loader = watched.place.loader()
    watcher = Watcher(
        loader,
        loader.load(1),
        publish=lambda _: order.append("live"),
        refused=lambda _: None,
        prepare=lambda _: order.append("made"),
    )
    await watcher.take_lists({})
    assert order == ["made", "live"]
