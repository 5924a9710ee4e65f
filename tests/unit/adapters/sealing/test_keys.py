"""Key-encryption keys: where they come from, and that a lost one is never replaced."""

import base64
import stat
import threading
from pathlib import Path

import pytest

from tidegate.adapters.sealing.keys import FILE, VARIABLE, KekError, KeyFile, kek, open_keyring

ONE = base64.b64encode(bytes(range(32))).decode()
TWO = base64.b64encode(bytes(range(1, 33))).decode()
ID_OF_ONE = kek(bytes(range(32))).id
ID_OF_TWO = kek(bytes(range(1, 33))).id


def test_the_first_use_makes_a_private_file(tmp_path: Path) -> None:
    home = tmp_path / "home"
    made = open_keyring({}, home, ())
    assert not home.exists()
    assert made.ids == ()
    assert made.current, "it is made by asking for it"
    assert stat.S_IMODE((home / FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert open_keyring({}, home, made.ids).ids == made.ids
    assert [path.name for path in home.iterdir()] == [FILE]


def test_processes_that_start_at_once_share_one_key(tmp_path: Path) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(open_keyring({}, tmp_path, ()).current.id)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_lost_key_is_named_and_never_made_anew(tmp_path: Path) -> None:
    used = (open_keyring({}, tmp_path, ()).current.id,)
    (tmp_path / FILE).unlink()
    with pytest.raises(KekError, match=f"{used[0]}.*put it back from the backup"):
        open_keyring({}, tmp_path, used)
    assert not (tmp_path / FILE).exists()
    with pytest.raises(KekError, match=f"{VARIABLE} does not have"):
        open_keyring({VARIABLE: ONE}, tmp_path, used)


@pytest.mark.parametrize("separator", [",", " , "])
def test_the_variable_holds_two_keys_and_the_first_seals(tmp_path: Path, separator: str) -> None:
    ring = open_keyring({VARIABLE: f"{TWO}{separator}{bytes(range(32)).hex()}"}, tmp_path, (ID_OF_ONE, ID_OF_TWO))
    assert ring.current.id == ID_OF_TWO
    found = ring.find(ID_OF_ONE)
    assert found is not None
    assert found.key == bytes(range(32))
    assert list(tmp_path.iterdir()) == []


def test_the_variable_may_name_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mounted"
    path.write_text(f"{ONE}\n")
    assert open_keyring({VARIABLE: f"file:{path}"}, tmp_path, ()).ids == (ID_OF_ONE,)
    with pytest.raises(KekError, match="cannot be read"):
        open_keyring({VARIABLE: f"file:{path}.gone"}, tmp_path, ())


@pytest.mark.parametrize(
    "text",
    ["secret", base64.b64encode(bytes(16)).decode(), base64.b64encode(bytes(32)).decode(), f"{ONE},{ONE}", f"{ONE},{TWO},{ONE}", ","],
)
def test_what_is_no_key_is_refused_without_being_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(KekError) as refused:
        open_keyring({VARIABLE: text}, tmp_path, ())
    assert text not in str(refused.value) or text == ","


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    KeyFile(tmp_path).make()
    (tmp_path / FILE).chmod(0o644)
    with pytest.raises(KekError, match="chmod 600"):
        open_keyring({}, tmp_path, ())


def test_a_key_that_another_process_adds_is_found_without_a_restart(tmp_path: Path) -> None:
    ring = open_keyring({}, tmp_path, ())
    old = ring.current.id
    added = KeyFile(tmp_path).add()
    assert ring.ids == (old,)
    assert ring.find(added[0].id) == added[0]
    assert ring.ids == (added[0].id, old)


def test_a_key_that_another_process_adds_seals_from_then_on(tmp_path: Path) -> None:
    ring = open_keyring({}, tmp_path, ())
    old = ring.current.id
    added = KeyFile(tmp_path).add()
    KeyFile(tmp_path).retire(old)
    assert ring.current == added[0]
    assert ring.find(old) is not None
    assert ring.find("0" * 16) is None


def test_changing_the_key_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    file = KeyFile(tmp_path)
    old = file.make()[0]
    added = file.add()
    assert file.add() == added
    with pytest.raises(KekError, match="the one that seals"):
        file.retire(added[0].id)
    assert file.retire(old.id) == added[:1]
    assert file.retire(old.id) == added[:1]
    assert file.read() == added[:1]


def test_a_key_is_not_shown() -> None:
    assert repr(kek(bytes(range(32)))) == f"Kek({ID_OF_ONE})"
