"""What tests of the programme found, as lines of the page: what a test records as its `verdict`, or how many there were where none has a
figure.

A test belongs to the programme by the mark `programme`, whose arguments are ids (docs/faults.md has them all) and whose `of` says how much
it tries, where no figure does. A test with a figure and no mark is of the ids with which its module's docstring begins.
"""

import re
from collections import defaultdict
from collections.abc import Iterable

import msgspec
import pytest
from tests.faults.rig.page import FAILED

PROGRAMME, OF_ITS_MODULE, VERDICT, OF = "programme", "programme_of_module", "verdict", "programme_of"
"""Names of properties, which reach the summary from whichever process ran the test."""

_ID = re.compile(r"\bT-[A-Z]+-\d+")


class Told(msgspec.Struct, frozen=True):
    """One line: the ids, the drill, what was found."""

    ids: str
    drill: str
    verdict: str


def marked(items: Iterable[pytest.Item]) -> None:
    """Notes with each test what its marks say; its own mark goes before its module's."""
    for item in items:
        mark = item.get_closest_marker(PROGRAMME)
        if mark is None:
            ids = ids_of(getattr(item, "module", None))
            item.user_properties += [(OF_ITS_MODULE, ids)] if ids else []
        else:
            item.user_properties.append((PROGRAMME, ", ".join(mark.args)))
            item.user_properties.append((OF, mark.kwargs.get("of", "")))


def ids_of(module: object) -> str:
    """The ids in the first paragraph of its docstring."""
    return ", ".join(_ID.findall((module.__doc__ or "").partition("\n\n")[0]))


def told(reports: Iterable[pytest.TestReport]) -> list[Told]:
    """The lines of a run. A drill that has failed says so, whatever it had found until then."""
    found: set[Told] = set()
    others: dict[tuple[str, str, str], list[bool]] = defaultdict(list)
    for report in reports:
        said = dict(report.user_properties)
        ids, file = str(said.get(PROGRAMME) or said.get(OF_ITS_MODULE, "")), report.nodeid.partition("::")[0]
        if not ids or report.skipped or (report.when != "call" and not report.failed):
            continue
        verdicts = [str(value) for name, value in report.user_properties if name == VERDICT]
        for verdict in verdicts:
            drill, _, rest = verdict.partition(":")
            found.add(Told(ids, drill.strip(), (FAILED if report.failed else "") + rest.strip()))
        if report.failed or (PROGRAMME in said and not verdicts):
            others[ids, file, str(said.get(OF, ""))].append(report.passed)
    return sorted([*found, *(_counted(*key, passed) for key, passed in others.items())], key=lambda one: (one.ids, one.drill))


def _counted(ids: str, file: str, of: str, passed: list[bool]) -> Told:
    missed = passed.count(False)
    told = f"{len(passed)} tests{of and f', {of}'}; {missed} failed"
    return Told(ids, file, (FAILED if missed else "") + told)
