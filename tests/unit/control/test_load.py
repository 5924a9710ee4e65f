from pathlib import Path

import pytest
from tests.unit.control.configs import Place
from tests.unit.policy.values import CATALOG, PEPPER

from tidegate.control.load import Loader
from tidegate.control.problems import ConfigError
from tidegate.control.settings import Settings
from tidegate.policy.keys import StoredKeys


def default_loader(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Loader:
    monkeypatch.chdir(folder)
    return Loader(Settings(), CATALOG, lambda: StoredKeys(pepper=PEPPER), folder / "keys.json")


def test_without_a_file_the_environment_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = default_loader(tmp_path, monkeypatch).load(7)
    assert loaded.config_file is None
    assert loaded.snapshot.generation == 7


def test_a_file_that_was_there_may_not_vanish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loader = default_loader(tmp_path, monkeypatch)
    file = tmp_path / "tidegate.yaml"
    file.write_text("server: {bodies_in_log: true}")
    assert loader.load(1).config_file == Path("tidegate.yaml")
    file.unlink()
    with pytest.raises(ConfigError, match="no such file"):
        loader.load(2)


def test_a_named_file_must_exist(place: Place) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        place.loader().load(1)


@pytest.mark.parametrize(("data", "words"), [(b"a: \xff", "not UTF-8: byte 3"), (b"#" * (5 << 20), "larger than 4 MiB")])
def test_unreadable_files(place: Place, data: bytes, words: str) -> None:
    place.file.write_bytes(data)
    with pytest.raises(ConfigError, match=words):
        place.loader().load(1)


def test_a_directory_is_no_file(place: Place) -> None:
    place.file.mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        place.loader().load(1)


def test_a_byte_order_mark_is_no_mistake(place: Place) -> None:
    place.file.write_bytes(b"\xef\xbb\xbfserver: {bodies_in_log: true}")
    assert place.loader().load(1).snapshot.server.bodies_in_log


def test_the_files_behind_a_load_are_known_also_when_it_fails(place: Place) -> None:
    loader = place.loader()
    assert loader.files == (place.file, place.file.parent / "keys.json")
    place.file.write_text("providers:\n  anthropic: {api_key: file:secret, ca_file: ca.pem}\n")
    with pytest.raises(ConfigError):
        loader.load(1)
    assert [file.name for file in loader.files] == ["tidegate.yaml", "keys.json", "secret", "ca.pem"]


def test_a_damaged_key_store_is_a_mistake_with_its_file(place: Place) -> None:
    def broken() -> StoredKeys:
        raise ValueError("it is damaged")

    place.file.write_text("")
    loader = Loader(Settings(config_path=place.file), CATALOG, broken, Path("keys.json"))
    with pytest.raises(ConfigError, match=r"^keys\.json: it is damaged$"):
        loader.load(1)
