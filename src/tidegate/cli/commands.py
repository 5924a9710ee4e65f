"""Which commands there are. Each lives in a module of its own that is imported only when it is called, so that none waits for what another
needs. Nothing here decides anything; `docs/cli.md` is generated from it."""

import os
import sys
from collections.abc import Sequence

from cyclopts import App

from tidegate import __version__
from tidegate.cli import texts

app = App(
    name="tidegate",
    help="An AI gateway: one endpoint that speaks OpenAI's and Anthropic's APIs in front of every model provider.\n\n"
    "Most people need `tidegate serve` and nothing else. `tidegate COMMAND --help` explains a command.",
    version=f"tidegate {__version__} (Python {sys.version.split()[0]})",
    help_format="markdown",
)
app.command("tidegate.cli.serve:serve", name="serve", help=texts.SERVE, sort_key=1)
app.command("tidegate.cli.check:check", name="check", help=texts.CHECK, sort_key=2)
app.command("tidegate.cli.keys:app", name="keys", help=texts.KEYS, sort_key=3)
app.command("tidegate.cli.models:models", name="models", help=texts.MODELS, sort_key=4)
app.command("tidegate.cli.catalog:app", name="catalog", help=texts.CATALOG, sort_key=4)
app.command("tidegate.cli.sandbox:sandbox", name="sandbox", help=texts.SANDBOX, sort_key=5)
app.command("tidegate.cli.usage:usage", name="usage", help=texts.USAGE, sort_key=6)
app.command("tidegate.cli.migrate:app", name="migrate", help=texts.MIGRATE, sort_key=7)
app.command("tidegate.cli.orgs:app", name="orgs", help=texts.ORGS, sort_key=8)
app.command("tidegate.cli.teams:app", name="teams", help=texts.TEAMS, sort_key=9)
app.command("tidegate.cli.users:app", name="users", help=texts.USERS, sort_key=10)
app.command("tidegate.cli.service_accounts:app", name="service-accounts", help=texts.SERVICE_ACCOUNTS, sort_key=10)
app.command("tidegate.cli.personal:app", name="end-users", help=texts.END_USERS, sort_key=10)
app.command("tidegate.cli.limits:app", name="limits", help=texts.LIMITS, sort_key=11)
app.command("tidegate.cli.budgets:app", name="budgets", help=texts.BUDGETS, sort_key=11)
app.command("tidegate.cli.webhooks:app", name="webhooks", help=texts.WEBHOOKS, sort_key=11)
app.command("tidegate.cli.billing_plans:app", name="plans", help=texts.PLANS, sort_key=12)
app.command("tidegate.cli.billing_customers:app", name="customers", help=texts.CUSTOMERS, sort_key=13)
app.command("tidegate.cli.billing_invoices:app", name="invoices", help=texts.INVOICES, sort_key=14)
app.command("tidegate.cli.billing_adjustments:app", name="adjustments", help=texts.ADJUSTMENTS, sort_key=14)
app.command("tidegate.cli.reconcile:reconcile", name="reconcile", help=texts.RECONCILE, sort_key=15)
app.command("tidegate.cli.backup:backup", name="backup", help=texts.BACKUP, sort_key=16)
app.command("tidegate.cli.backup:restore", name="restore", help=texts.RESTORE, sort_key=17)
app.command("tidegate.cli.ledger:app", name="ledger", help=texts.LEDGER, sort_key=18)
app.command("tidegate.cli.prices:app", name="prices", help=texts.PRICES, sort_key=19)
app.command("tidegate.cli.credentials:app", name="credentials", help=texts.CREDENTIALS, sort_key=30)
app.command("tidegate.cli.configure:plan", name="plan", help=texts.PLAN, sort_key=31)
app.command("tidegate.cli.configure:apply", name="apply", help=texts.APPLY, sort_key=32)
app.command("tidegate.cli.configure:export", name="export", help=texts.EXPORT, sort_key=33)


@app.command(sort_key=99)
def version() -> None:
    """Print the version of Tidegate and of Python."""
    sys.stdout.write(f"{app.version}\n")


def run(arguments: Sequence[str]) -> int:
    """Runs one command and returns its exit code."""
    try:
        result = app(arguments, result_action="return_value")
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has had enough (`tidegate models | head`); Python would complain once more when it closes the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return result if isinstance(result, int) else 0
