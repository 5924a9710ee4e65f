"""Writes docs/cli.md from the command line's own help. Run it after a change of a command; a test asserts that it was."""

import io
import sys
from pathlib import Path

from rich.console import Console

from tidegate.cli.commands import app

PAGE = Path(__file__).parents[1] / "docs/cli.md"
COMMANDS = (
    "",
    "serve",
    "check",
    "keys",
    "keys create",
    "keys list",
    "keys revoke",
    "keys check",
    "keys aws",
    "keys rotate-kek",
    "keys forget-kek",
    "models",
    "sandbox",
    "usage",
    "migrate",
    "migrate status",
    "migrate upgrade",
    "orgs",
    "orgs list",
    "orgs create",
    "orgs disable",
    "orgs enable",
    "teams",
    "teams list",
    "teams create",
    "teams add",
    "users",
    "users list",
    "users create",
    "users grant",
    "users admin-key",
    "budgets",
    "budgets list",
    "budgets create",
    "budgets edit",
    "budgets delete",
    "plans",
    "plans list",
    "plans create",
    "customers",
    "customers list",
    "customers create",
    "customers subscribe",
    "invoices",
    "invoices list",
    "invoices show",
    "invoices create",
    "invoices finalise",
    "reconcile",
    "backup",
    "restore",
    "ledger",
    "ledger reprice",
    "version",
)
INTRODUCTION = """# The command line

Generated from `--help` by `scripts/write_cli_docs.py`. [Configuration](configuration.md) tells what the commands read.
"""


def help_of(command: str) -> str:
    """What `tidegate <command> --help` prints on a terminal of 100 columns without colours."""
    out = io.StringIO()
    app.help_print(command.split(), console=Console(file=out, width=100, color_system=None, force_terminal=False, legacy_windows=False))
    return "\n".join(line.rstrip() for line in out.getvalue().strip().splitlines())


def page() -> str:
    parts = [INTRODUCTION]
    parts += [f"## {f'tidegate {command}'.strip()}\n\n```text\n{help_of(command)}\n```\n" for command in COMMANDS]
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"wrote {PAGE.name}\n")
