"""The table of docs/faults.md: whoever looks for an id of the programme finds its test, and every drill that names one is in it."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (T-[^|]+) \| `(tests/\S+\.py)` \|$", re.MULTILINE)
ASKED = {
    *(f"T-ST-{number}" for number in range(1, 9)),
    *(f"T-SP-{number}" for number in range(1, 6)),
    *(f"T-{kind}-{number}" for kind in ("PG", "NET", "OV", "DR") for number in range(1, 4)),
    *(f"T-{kind}-{number}" for kind in ("RD", "KL") for number in range(1, 3)),
    *("T-CF-1", "T-CK-1", "T-SSRF-1"),
}
"""Ids that are to be proved; T-BUG is no test of pytest."""


def test_every_id_is_where_the_table_says() -> None:
    table = {file: ids.split(", ") for ids, file in ROW.findall((ROOT / "docs/faults.md").read_text(encoding="utf-8"))}
    assert {id for ids in table.values() for id in ids} >= ASKED
    for file, ids in table.items():
        text = (ROOT / file).read_text(encoding="utf-8")
        assert not [id for id in ids if id not in text], file
    drills = {str(file.relative_to(ROOT)) for file in Path(__file__).parent.glob("test_*.py") if file.read_text().startswith('"""T-')}
    assert drills <= table.keys()
