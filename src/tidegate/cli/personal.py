"""`tidegate users export` and `erase`, and `tidegate end-users`: what there is about somebody, given out and erased."""

from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from tidegate.adapters.keystore import KeyStoreError
from tidegate.adapters.sealing.envelope import EnvelopeSealer
from tidegate.adapters.sql.changes import Changes
from tidegate.adapters.sql.control_store import SqlControlStore
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.erasing import Erasing
from tidegate.adapters.sql.personal_export import SqlPersonal
from tidegate.adapters.system import SystemClock
from tidegate.adapters.system_secrets import SystemSecrets
from tidegate.cli.directory import NotThere, Org, actor, attempt_on, now
from tidegate.cli.options import Home, complain, say, store
from tidegate.cli.vault import keyring
from tidegate.control.erasures import begin, erasure
from tidegate.control.problems import ConfigError
from tidegate.policy.erased import END_USER, USER
from tidegate.records import DEFAULT_ORG, Erasure, Subject, Tenant, User

Sure = Annotated[bool, Parameter(name="--yes", negative=(), help="It cannot be undone.")]

app = App(name="end-users")


def export_user(user: str, /, *, org: Org = DEFAULT_ORG, home: Home = None) -> int:
    """See `texts.EXPORT_USER`."""
    return _export(Subject(USER, user), org, home)


def erase_user(user: str, /, *, yes: Sure = False, org: Org = DEFAULT_ORG, home: Home = None) -> int:
    """See `texts.ERASE_USER`."""
    return _erase(Subject(USER, user), org, home, yes=yes)


@app.command
def export(name: str, /, *, org: Org = DEFAULT_ORG, home: Home = None) -> int:
    """Write everything that there is about an end user: a JSON object per line.

    Examples

    ```
    tidegate end-users export alice@example.com --org acme > alice.jsonl
    ```

    Parameters
    ----------
    name:
        As clients send it (`user`, or `metadata.user_id`).
    """
    return _export(Subject(END_USER, name), org, home)


@app.command
def erase(name: str, /, *, yes: Sure = False, org: Org = DEFAULT_ORG, home: Home = None) -> int:
    """Erase an end user: a pseudonym stands for the name from now on, and what calls kept goes. Amounts stay.

    Whoever comes under the same name later is somebody new.

    Examples

    ```
    tidegate end-users erase alice@example.com --org acme --yes
    ```

    Parameters
    ----------
    name:
        As clients send it (`user`, or `metadata.user_id`).
    """
    return _erase(Subject(END_USER, name), org, home, yes=yes)


def _export(subject: Subject, org: str, home: Home) -> int:
    pepper = _pepper(home)
    if pepper is None:
        return 1

    async def work(database: Database) -> int:
        tenant = Tenant(org)
        control = SqlControlStore(Changes(database, SystemClock()))
        async with control.change(tenant, actor()) as change:
            if subject.kind == USER and await change.get(User, subject.id) is None:
                raise _nobody(subject)
            await change.note("personal_data.export", subject.kind, subject.id)
        personal = SqlPersonal(database, EnvelopeSealer(await keyring(database, home)), pepper)
        after: str | None = None
        while True:
            page = await personal.page(tenant, subject, after)
            for row in page.items:
                say(msgspec.json.encode(row).decode())
            after = page.cursor
            if after is None:
                return 0

    code = attempt_on(home, work, org)
    return 1 if code is None else code


def _erase(subject: Subject, org: str, home: Home, *, yes: bool) -> int:
    if not yes:
        complain("error: nobody can undo this: export first what is to be kept, then say --yes")
        return 1
    pepper = _pepper(home)
    if pepper is None:
        return 1

    async def work(database: Database) -> Erasure:
        tenant, by = Tenant(org), actor()
        changes = Changes(database, SystemClock())
        async with SqlControlStore(changes).change(tenant, by) as change:
            if subject.kind == USER and await change.get(User, subject.id) is None:
                raise _nobody(subject)
            row = erasure(tenant, subject, pepper, SystemSecrets(), by=f"{by.kind}/{by.id}", now=now())
            await begin(change, row)
        counts = await Erasing(changes).sweep(tenant, row)
        return msgspec.structs.replace(row, counts=counts)

    row = attempt_on(home, work, org)
    if row is None:
        return 1
    complain(f"{sum(row.counts.values()):,} rows are without this name already: it is `{row.pseudonym}` there.")
    complain("A gateway finishes it ten minutes from now, with the audit log and its own files, or when it starts after that.")
    say(row.id)
    return 0


def _pepper(home: Home) -> bytes | None:
    try:
        return store(home).read().pepper
    except (ConfigError, KeyStoreError, OSError) as error:
        complain(f"error: {error}")
        return None


def _nobody(subject: Subject) -> NotThere:
    return NotThere(f"there is no user `{subject.id}` here: `tidegate users list` shows them")
