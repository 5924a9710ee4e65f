"""`tidegate keys`: gateway keys made, revoked and, by modules of their own, listed, checked and imported.
A running gateway takes every change within two seconds."""

from typing import Annotated

from cyclopts import App, Parameter

from tidegate.adapters.keystore import KeyStoreError
from tidegate.cli import texts
from tidegate.cli.options import Home, complain, say, store
from tidegate.control.problems import ConfigError
from tidegate.policy.keys import KeyEnv
from tidegate.policy.signed import secret_of

app = App(name="keys")
# These load the database's library, which the other commands of this module do without.
app.command("tidegate.cli.keys_known:list_", name="list", help=texts.LIST_KEYS)
app.command("tidegate.cli.keys_known:check", name="check", help=texts.CHECK_KEY)
app.command("tidegate.cli.keys_import:import_", name="import", help=texts.IMPORT_KEYS)
app.command("tidegate.cli.kek:rotate_kek", name="rotate-kek", help=texts.ROTATE_KEK)
app.command("tidegate.cli.kek:forget_kek", name="forget-kek", help=texts.FORGET_KEK)

Name = Annotated[str, Parameter(help="What the key is for; shown in lists and in the usage ledger.")]
Allowed = Annotated[
    list[str] | None,
    Parameter(
        name="--model", help="A model or route that the key may use, or a beginning with `*` at its end. May be given often; none = all."
    ),
]
Env = Annotated[KeyEnv, Parameter(help="Written into the key, so that people see which it is.")]


@app.command
def create(*, name: Name = "key", model: Allowed = None, env: Env = "live", home: Home = None) -> int:
    """Make a key and print it, once.

    The key alone goes to standard output, so that a script can take it.

    Examples

    ```
    tidegate keys create --name ci --model smart --model "anthropic/*"
    export TIDEGATE_KEY=$(tidegate keys create --name laptop --env test)
    ```
    """
    for pattern in model or []:
        if not pattern or "*" in pattern[:-1]:
            complain(f"error: --model `{pattern}`: a name, or its beginning with `*` at the end, like `anthropic/*`")
            return 1
    try:
        row, token = store(home).create(name, env=env, models=tuple(model or ()))
    except (ConfigError, KeyStoreError, OSError) as error:
        return failed(error)
    complain(f"Made the key `{row.name}` with the id {row.id} for {', '.join(row.models) or 'all models'}. It is not shown again:")
    say(token)
    return 0


@app.command
def revoke(id: str, /, *, home: Home = None) -> int:
    """Revoke a key for ever. Calls that have begun are finished.

    Examples

    ```
    tidegate keys revoke 4fGh71kLmN0p
    ```

    Parameters
    ----------
    id:
        The key's id, or its name where only one key has it.
    """
    try:
        row = store(home).revoke(id)
    except (ConfigError, KeyStoreError, OSError) as error:
        return failed(error)
    complain(f"Revoked the key `{row.name}` with the id {row.id}.")
    return 0


@app.command
def aws(id: str, /, *, home: Home = None) -> int:
    """Print the access key and the secret with which clients of AWS use a key: those that sign their requests.

    The secret is made from what the gateway keeps of the key, so it can be printed again. Clients that send a bearer key need none: they
    take the key itself as `AWS_BEARER_TOKEN_BEDROCK`.

    Examples

    ```
    tidegate keys aws 4fGh71kLmN0p
    ```

    Parameters
    ----------
    id:
        The key's id, or its name where only one active key has it.
    """
    try:
        stored = store(home).peek()
    except (ConfigError, KeyStoreError, OSError) as error:
        return failed(error)
    active = [row for row in stored.keys if row.revoked is None]
    found = [row for row in active if row.id == id] or [row for row in active if row.name == id]
    if len(found) != 1:
        complain(
            f"error: {'no active key has' if not found else 'several keys have'} the id or the name `{id}`: `tidegate keys list` shows them"
        )
        return 1
    say(f"AWS_ACCESS_KEY_ID={found[0].id}")
    say(f"AWS_SECRET_ACCESS_KEY={secret_of(stored.pepper, found[0].digest)}")
    return 0


def failed(error: Exception) -> int:
    complain(f"error: {error}")
    return 1
