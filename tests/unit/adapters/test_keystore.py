import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tidegate.adapters.keystore import KeyStore, KeyStoreError
from tidegate.policy.keys import token_digest, token_id


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "state" / "tidegate"


def test_a_made_key_is_kept_as_a_digest_only(home: Path) -> None:
    row, token = KeyStore(home).create("ci", env="test", models=("a", "b/*"))
    stored = KeyStore(home).read()
    assert stored.keys == (row,)
    assert (row.name, row.env, row.models, row.revoked) == ("ci", "test", ("a", "b/*"), None)
    assert token.startswith(f"tgk_test_{row.id}_")
    assert token_id(token) == row.id
    assert row.digest == token_digest(stored.pepper, token)
    secret = token.split("_")[3][:43]
    assert all(secret not in path.read_text() for path in home.iterdir())


def test_nobody_else_may_read_the_files(home: Path) -> None:
    KeyStore(home).create("k")
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()} == {
        "keys.json": 0o600,
        "keys.lock": 0o600,
        "pepper": 0o600,
    }


def test_the_first_key_is_made_once(home: Path) -> None:
    store = KeyStore(home)
    made = store.bootstrap()
    assert made is not None
    assert made[0].models == ()
    assert store.bootstrap() is None
    store.revoke(made[0].id)
    assert KeyStore(home).bootstrap() is None


def test_reading_a_new_store_makes_a_pepper_that_stays(home: Path) -> None:
    first = KeyStore(home).read()
    assert (len(first.pepper), first.keys) == (32, ())
    assert KeyStore(home).read() == first
    assert KeyStore(home).bootstrap() is not None


def test_peeking_makes_nothing(home: Path) -> None:
    assert KeyStore(home).peek().keys == ()
    assert not home.exists()
    row, _ = KeyStore(home).create("k")
    assert KeyStore(home).peek() == KeyStore(home).read()
    assert KeyStore(home).peek().keys == (row,)


def test_revoking_by_id_or_name(home: Path) -> None:
    store = KeyStore(home)
    one, other = store.create("one")[0], store.create("other")[0]
    assert store.revoke(one.id).revoked is not None
    assert store.revoke("other").id == other.id
    assert all(row.revoked is not None for row in store.read().keys)
    for name in (one.id, "other", "nobody"):
        with pytest.raises(KeyStoreError, match="no active key"):
            store.revoke(name)


def test_a_name_of_several_keys_is_not_enough(home: Path) -> None:
    store = KeyStore(home)
    rows = [store.create("same")[0] for _ in range(2)]
    with pytest.raises(KeyStoreError, match="several keys") as caught:
        store.revoke("same")
    assert all(row.id in str(caught.value) for row in rows)
    store.revoke(rows[0].id)
    assert store.revoke("same").id == rows[1].id


def test_keys_made_at_once_are_all_kept(home: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: KeyStore(home).create(str(number)), range(24)))
    stored = KeyStore(home).read()
    assert {row.id for row in stored.keys} == {row.id for row, _ in made}
    assert all(row.digest == token_digest(stored.pepper, token) for row, token in made)
    assert not [path for path in home.iterdir() if path.name.startswith(".")]


def test_of_many_first_starts_one_makes_the_key(home: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: KeyStore(home).bootstrap(), range(16)))
    assert len([one for one in made if one is not None]) == 1


@pytest.mark.parametrize("damaged", ["", "{", "[]", '{"version": 1, "keys": [{"id": 5}]}'])
def test_a_damaged_key_file_is_told_and_never_overwritten(home: Path, damaged: str) -> None:
    KeyStore(home).create("k")
    (home / "keys.json").write_text(damaged)
    for act in (KeyStore(home).read, lambda: KeyStore(home).create("x"), lambda: KeyStore(home).revoke("k")):
        with pytest.raises(KeyStoreError, match="is damaged"):
            act()
    assert (home / "keys.json").read_text() == damaged


def test_a_file_of_a_later_version_is_refused(home: Path) -> None:
    home.mkdir(parents=True)
    (home / "keys.json").write_text('{"version": 2, "keys": []}')
    with pytest.raises(KeyStoreError, match="version 2"):
        KeyStore(home).read()


def test_a_lost_pepper_is_never_replaced_silently(home: Path) -> None:
    KeyStore(home).create("k")
    (home / "pepper").unlink()
    for act in (KeyStore(home).read, KeyStore(home).peek, lambda: KeyStore(home).create("x")):
        with pytest.raises(KeyStoreError, match="pepper is gone"):
            act()
    assert not (home / "pepper").exists()


@pytest.mark.parametrize("damaged", [b"", b"zz", b"00" * 31, b"\xff"])
def test_a_damaged_pepper_is_told(home: Path, damaged: bytes) -> None:
    KeyStore(home).create("k")
    (home / "pepper").write_bytes(damaged)
    with pytest.raises(KeyStoreError, match="pepper is damaged"):
        KeyStore(home).read()
