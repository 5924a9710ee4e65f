"""Writes docs/cli.md from the command line's own help. Run it after a change of a command; a test asserts that it was."""

import io
import re
import sys
from pathlib import Path

from rich.console import Console

from tidegate.cli.commands import app

PAGE = Path(__file__).parents[1] / "docs/cli.md"
_PANEL = re.compile(r"^╭─ Commands .*?^╰", re.M | re.S)
_ROW = re.compile(r"^│ ([a-z][\w-]*) ", re.M)
INTRODUCTION = """# The command line

Generated from `--help` by `scripts/write_cli_docs.py`. [Configuration](configuration.md) tells what the commands read.
"""


def help_of(command: str) -> str:
    """What `tidegate <command> --help` prints on a terminal of 100 columns without colours."""
    out = io.StringIO()
    app.help_print(command.split(), console=Console(file=out, width=100, color_system=None, force_terminal=False, legacy_windows=False))
    return "\n".join(line.rstrip() for line in out.getvalue().strip().splitlines())


def commands(group: str = "") -> list[str]:
    """The group and all commands in it, in the order of its help."""
    panel = _PANEL.search(help_of(group))
    names = _ROW.findall(panel[0]) if panel is not None else []
    return [group, *(found for name in names for found in commands(f"{group} {name}".strip()))]


def page() -> str:
    parts = [INTRODUCTION]
    parts += [f"## {f'tidegate {command}'.strip()}\n\n```text\n{help_of(command)}\n```\n" for command in commands()]
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"wrote {PAGE.name}\n")
