"""`tidegate keys`: gateway keys made and, by modules of their own, listed, checked, changed and imported.
A running gateway takes every change within two seconds."""

from typing import Annotated

from cyclopts import App, Parameter

from tidegate.adapters.keystore import KeyStoreError
from tidegate.cli import texts
from tidegate.cli.options import Home, complain, say, store
from tidegate.control.problems import ConfigError
from tidegate.policy.keys import KeyEnv

app = App(name="keys")
# These load the database's library, which the other commands of this module do without.
app.command("tidegate.cli.keys_known:list_", name="list", help=texts.LIST_KEYS)
app.command("tidegate.cli.keys_known:check", name="check", help=texts.CHECK_KEY)
app.command("tidegate.cli.keys_change:revoke", name="revoke", help=texts.REVOKE_KEY)
app.command("tidegate.cli.keys_change:disable", name="disable", help=texts.DISABLE_KEY)
app.command("tidegate.cli.keys_change:enable", name="enable", help=texts.ENABLE_KEY)
app.command("tidegate.cli.keys_change:rotate", name="rotate", help=texts.ROTATE_KEY)
app.command("tidegate.cli.keys_change:aws", name="aws", help=texts.AWS_KEY)
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


def failed(error: Exception) -> int:
    complain(f"error: {error}")
    return 1
