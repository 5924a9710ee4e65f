"""What the judge says of a gateway that has something open when its calls have ended, and of what one leaves behind."""

import sqlite3
from pathlib import Path

import msgspec
import pytest
from tests.faults.rig.judging.rest import ROOM, Look, connections, figure, reserved, unrested
from tests.faults.rig.judging.traces import PER_CALL, log_bounded, secrets_left

QUIET = Look(open={}, files=20, threads=3, tasks=6, clients=0, provider=0)
SHOWN = "    tgk_adm_abcdef\n\nTry it:\n\n    curl http://127.0.0.1:1/api/v1/me -H 'Authorization: Bearer tgk_adm_abcdef'\n"
HEAD = "  sl  local_address rem_address   st tx_queue rx_queue\n"


def test_rest_is_what_was_at_the_start_and_what_may_be_kept() -> None:
    assert unrested(QUIET, msgspec.structs.replace(QUIET, files=20 + ROOM + 30, threads=9, tasks=25, provider=30)) == []


@pytest.mark.parametrize(
    ("flaw", "more"),
    [
        ("I5: tidegate_in_flight is 2", {"open": {"tidegate_in_flight": 2.0}}),
        ("I11: 1 connections of clients", {"clients": 1}),
        ("I11: 69 files, 20 at its start", {"files": 69}),
        ("I11: 52 threads", {"threads": 52}),
        ("I11: 55 tasks", {"tasks": 55}),
    ],
)
def test_what_is_left_open_is_named(flaw: str, more: dict[str, object]) -> None:
    (found,) = unrested(QUIET, msgspec.structs.replace(QUIET, **more))
    assert found.startswith(flaw)


def test_metrics_are_summed_over_their_labels() -> None:
    page = 'x{route="a"} 1.0\nx{route="b"} 2.0\nxy 5.0\n# x 7\ny 1e+03\n'
    assert [figure(page, name) for name in ("x", "y", "z")] == [3.0, 1000.0, 0.0]


def test_connections_are_told_apart() -> None:
    rows = [("0100007F:1F90", "00000000:0000", "0A"), ("0100007F:1F90", "0100007F:C350", "01"), ("0100007F:C350", "0100007F:1F90", "01")]
    rows += [("0100007F:1F90", "0100007F:C351", "06"), ("0100007F:D000", "0100007F:2328", "08")]
    table = HEAD + "".join(f"   {place}: {own} {other} {state} 0:0\n" for place, (own, other, state) in enumerate(rows))
    assert connections(table, 8080, 9000) == (1, 1)


def test_what_is_reserved_after_the_end_is_named(tmp_path: Path) -> None:
    assert reserved(tmp_path) == []
    with sqlite3.connect(tmp_path / "tidegate.db") as database:
        database.execute("CREATE TABLE limit_window (key TEXT, held INTEGER)")
        database.execute("INSERT INTO limit_window VALUES ('one', 0), ('two', 5)")
    database.close()
    assert reserved(tmp_path) == ["I5: 5 are reserved of two after its end"]


def test_a_secret_is_found_wherever_it_lies(tmp_path: Path) -> None:
    secrets = {"the key": "sk-something/long", "the pepper": "0123456789abcdef"}
    (tmp_path / "spool").mkdir()
    (tmp_path / "pepper").write_text("0123456789abcdef")
    (tmp_path / "spool" / "reserve").write_bytes(bytes(3 << 20))
    assert secrets_left(tmp_path, SHOWN, b"", secrets) == []
    (tmp_path / "spool" / "reserve").write_bytes(bytes(3 << 20) + b"..sk-something%2Flong..")
    found = secrets_left(tmp_path, SHOWN + "a tgk_adm_abcdef", b"30313233343536373839616263646566", secrets)
    assert [flaw.replace(str(tmp_path), "") for flaw in found] == [
        "I10: the key is in /spool/reserve",
        "I10: the pepper is in the provider's account",
        "I10: the admin key tgk_adm_abcd is in the log",
    ]


def test_a_log_has_so_much_for_each_call() -> None:
    line = "x" * (PER_CALL - 1) + "\n"
    assert log_bounded(SHOWN + line * 1000, 1000) == []
    assert [flaw[:3] for flaw in log_bounded(SHOWN + 2 * line * 1000, 1000)] == ["I11"]
    assert [flaw[:3] for flaw in log_bounded("Task was destroyed but it is pending!", 1000)] == ["I11"]
