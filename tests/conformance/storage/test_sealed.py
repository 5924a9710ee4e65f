"""T-KEY-1: sealed rows that were swapped, a wrong key, and a change of keys that is interrupted anywhere."""

import asyncio
import itertools
import multiprocessing
import os
import signal
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import URL, event, select, update
from tests.conformance.storage.test_directory import ALICE, OTHER, OWN, Directory
from tests.support.clock import FixedClock
from tests.support.control import KEK

from tidegate.adapters.sealing.envelope import EnvelopeSealer
from tidegate.adapters.sealing.keys import Keyring, kek
from tidegate.adapters.sql.changes import Changes, generation
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.kept import KeptRows
from tidegate.adapters.sql.schema import credential
from tidegate.adapters.sql.sealed import SealedRows
from tidegate.control.vault import Vault
from tidegate.policy.secret import Secret
from tidegate.ports import Unsealable
from tidegate.records import EVERYONE, Credential, Organisation

NEWER = kek(bytes(range(100, 132)))
CANARY = "sk-canary-0123456789-"


def vault(*keys: object) -> Vault:
    return Vault(sealer(*keys), FixedClock())


def sealer(*keys: object) -> EnvelopeSealer:
    ring = tuple(key for key in (keys or (KEK,)) if isinstance(key, type(KEK)))
    return EnvelopeSealer(Keyring(ring, lambda: ring))


@pytest.fixture
async def made(database: Database) -> AsyncGenerator[Directory]:
    """Four credentials of two organisations, for two providers, in two versions."""
    directory = Directory(database)
    await directory.organisation(Organisation(org_id=OTHER.org_id, name="other"))
    for number, (tenant, provider, version) in enumerate(itertools.product((OWN, OTHER), ("openai", "anthropic"), (1, 2))):
        row = Credential(id=f"cred_{number}", name=f"{number}", provider=provider, origin=f"https://{provider}.example", version=version)
        async with directory.store.change(tenant, ALICE) as change:
            await change.add(vault().seal(tenant.org_id, row, Secret(f"{CANARY}{number}")))
    yield directory


async def opened(database: Database, *keys: object) -> dict[str, str | None]:
    """What every credential reveals; None where it does not open."""
    found: dict[str, str | None] = {}
    for org, row in (await KeptRows(database).load(EVERYONE)).credentials:
        try:
            found[row.id] = vault(*keys).open(org, row).reveal()
        except Unsealable:
            found[row.id] = None
    return found


WHOLE = {f"cred_{number}": f"{CANARY}{number}" for number in range(8)}


async def test_every_swap_of_sealed_bytes_is_noticed(made: Directory, database: Database) -> None:
    async with database.read(EVERYONE) as connection:
        rows = (await connection.execute(select(credential.c.org_id, credential.c.id, credential.c.sealed))).all()
    swaps = 0
    for (org, id, own), (_, _, foreign) in itertools.permutations(rows, 2):
        for sealed in (foreign, own):
            async with database.write(EVERYONE) as connection:
                one = (credential.c.org_id == org, credential.c.id == id)
                await connection.execute(update(credential).where(*one).values(sealed=sealed))
            assert (await opened(database))[id] == (None if sealed is foreign else WHOLE[id])
        swaps += 1
    assert swaps == 56


@pytest.mark.parametrize("column", ["provider", "origin", "version"])
async def test_every_change_of_what_a_secret_is_for_is_noticed(made: Directory, database: Database, column: str) -> None:
    async with database.write(EVERYONE) as connection:
        value = 7 if column == "version" else "https://attacker.example"
        await connection.execute(update(credential).values({column: value}))
    assert set((await opened(database)).values()) == {None}


async def test_a_wrong_key_opens_nothing(made: Directory, database: Database) -> None:
    assert await opened(database) == WHOLE
    assert set((await opened(database, NEWER)).values()) == {None}


async def test_the_change_of_keys_goes_on_wherever_it_was_interrupted(made: Directory, database: Database) -> None:
    """Each batch is a transaction: a process that is killed leaves the state after one of them. All are looked at, with both keys there."""
    rows, both = SealedRows(database), sealer(NEWER, KEK)
    steps = 0
    while (found := await rows.rewrap(made.changes, EVERYONE, ALICE, both, most=3)).done:
        assert found.unreadable == ()
        steps += 1
        left = (await rows.kek_ids(EVERYONE)).get(KEK.id, 0)
        assert left == max(0, 8 - 3 * steps)
        assert await opened(database, NEWER, KEK) == WHOLE
    assert steps == 3
    assert await rows.kek_ids(EVERYONE) == {NEWER.id: 8}
    assert await opened(database, NEWER) == WHOLE
    assert set((await opened(database, KEK)).values()) == {None}


async def test_ciphertexts_stay_and_replicas_hear_of_it(made: Directory, database: Database) -> None:
    before = {row.id: row.sealed[69:] for _, row in (await KeptRows(database).load(EVERYONE)).credentials}
    number = await generation(database)
    await SealedRows(database).rewrap(made.changes, EVERYONE, ALICE, sealer(NEWER, KEK))
    assert {row.id: row.sealed[69:] for _, row in (await KeptRows(database).load(EVERYONE)).credentials} == before
    assert await generation(database) == number + 1


async def test_a_row_that_does_not_open_is_told_and_stands_in_nobodys_way(made: Directory, database: Database) -> None:
    async with database.write(EVERYONE) as connection:
        await connection.execute(update(credential).where(credential.c.id == "cred_0").values(sealed=b"damaged"))
    rows, both = SealedRows(database), sealer(NEWER, KEK)
    found = await rows.rewrap(made.changes, EVERYONE, ALICE, both, most=3)
    assert (found.done, found.unreadable) == (3, ("credential/default/cred_0",))
    while (found := await rows.rewrap(made.changes, EVERYONE, ALICE, both, most=3)).done:
        pass
    assert await rows.kek_ids(EVERYONE) == {NEWER.id: 7, KEK.id: 1}
    assert await rows.forget(made.changes, EVERYONE, ALICE, KEK.id) == 1
    assert await rows.kek_ids(EVERYONE) == {NEWER.id: 7}
    last = (await made.events(OWN))[0]
    assert (last.action, last.subject_id, last.before) == ("credential.forget", "cred_0", {"kek_id": KEK.id})


async def test_nothing_in_clear_is_at_rest(made: Directory, database: Database, tmp_path: Path) -> None:
    async with database.read(EVERYONE) as connection:
        text = repr((await connection.execute(select(credential))).all())
    assert CANARY not in text
    files = await asyncio.to_thread(lambda: [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()])
    assert not any(CANARY.encode() in data for data in files)


async def test_a_list_has_no_sealed_bytes(made: Directory) -> None:
    async with made.store.view(OWN) as view:
        row = await view.get(Credential, "cred_0")
    assert row is not None
    assert msgspec.structs.replace(row, created_at=0, updated_at=0) == Credential(
        id="cred_0", name="0", provider="openai", origin="https://openai.example", kek_id=KEK.id, last4="89-0"
    )


def rewraps(url: URL, step: int) -> None:
    """The change of keys in a process of its own, which is killed before its statement `step`."""
    count = itertools.count()

    def before(*_of_the_statement: object) -> None:
        if next(count) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    async def run() -> None:
        own = Database(url, statement_seconds=10)
        event.listen(own.engine, "before_cursor_execute", before)
        await SealedRows(own).rewrap(Changes(own, FixedClock()), EVERYONE, ALICE, sealer(NEWER, KEK))
        await own.aclose()

    asyncio.run(run())
    os._exit(0)  # what the parent would do at its end is not for a copy of it


def was_killed(url: URL, step: int) -> bool:
    process = multiprocessing.get_context("fork").Process(target=rewraps, args=(url, step))
    process.start()
    process.join(60)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


async def test_a_process_that_is_killed_at_any_step_of_it_leaves_what_opens(made: Directory, database: Database) -> None:
    killed = 0
    while await asyncio.to_thread(was_killed, database.engine.url, 3 * killed):
        killed += 1
        assert await opened(database, NEWER, KEK) == WHOLE
    assert killed > 3
    assert await SealedRows(database).kek_ids(EVERYONE) == {NEWER.id: 8}
    assert await opened(database, NEWER) == WHOLE
