"""`tidegate keys`: gateway keys made, listed, checked, changed and imported, by modules of their own.
A running gateway takes every change within two seconds."""

from cyclopts import App

from tidegate.cli import texts
from tidegate.cli.options import complain

app = App(name="keys")
app.command("tidegate.cli.keys_create:create", name="create", help=texts.CREATE_KEY)
app.command("tidegate.cli.keys_known:list_", name="list", help=texts.LIST_KEYS)
app.command("tidegate.cli.keys_show:show", name="show", help=texts.SHOW_KEY)
app.command("tidegate.cli.keys_known:check", name="check", help=texts.CHECK_KEY)
app.command("tidegate.cli.keys_change:revoke", name="revoke", help=texts.REVOKE_KEY)
app.command("tidegate.cli.keys_change:disable", name="disable", help=texts.DISABLE_KEY)
app.command("tidegate.cli.keys_change:enable", name="enable", help=texts.ENABLE_KEY)
app.command("tidegate.cli.keys_change:rotate", name="rotate", help=texts.ROTATE_KEY)
app.command("tidegate.cli.keys_change:aws", name="aws", help=texts.AWS_KEY)
app.command("tidegate.cli.keys_import:import_", name="import", help=texts.IMPORT_KEYS)
app.command("tidegate.cli.kek:rotate_kek", name="rotate-kek", help=texts.ROTATE_KEK)
app.command("tidegate.cli.kek:forget_kek", name="forget-kek", help=texts.FORGET_KEK)


def failed(error: Exception) -> int:
    complain(f"error: {error}")
    return 1
