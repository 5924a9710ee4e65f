import hashlib

import pytest

from tidegate.control.foreign_keys import ForeignKey, read_keys

SK = "sk-Rk7qP0v1mZ8yT3wX5nB9"
HASH = hashlib.sha256(SK.encode()).hexdigest()


def test_csv_of_values_and_of_hashes() -> None:
    text = f"\ufeffName,value,models,tags,expires_at\nci,{SK},gpt-4o claude-*,a;b,2027-01-31T00:00:00Z\n,{SK}x,,,\n"
    assert read_keys(text) == (
        [
            ForeignKey(name="ci", value=SK, models=["gpt-4o", "claude-*"], tags=["a", "b"], expires_at=1801353600000000),
            ForeignKey(name="imported 2", value=SK + "x"),
        ],
        [],
    )
    assert read_keys(f"sha256\n{HASH.upper()}\n")[0] == [ForeignKey(name="imported 1", sha256=HASH)]


def test_what_litellm_lists() -> None:
    row = f'{{"token": "{HASH}", "key_alias": "core", "models": ["all-proxy-models"], "expires": null, "spend": 1.5}}'
    text = f'{{"keys": [{row}], "total_count": 1}}'
    assert read_keys(text) == ([ForeignKey(name="core", sha256=HASH)], [])
    assert read_keys(f'[{{"token": "{SK}"}}]')[0][0].value == SK


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("sk-1234,", "it has 20 to 512 characters"),
        ("aaaaaaaaaaaaaaaaaaaaaaaaa,", "at least 8 different ones"),
        ("tgk_live_4fGh71kLmN0p_AAAA,", "those are made here"),
        (f"{SK},{HASH}", "one of them"),
        (",", "one of them"),
        (",abcd", "64 hexadecimal digits"),
        ("sk-with spaces in the middle,", "without spaces"),
    ],
)
def test_what_cannot_be_taken_over_is_told_by_place_and_not_repeated(row: str, words: str) -> None:
    found, wrong = read_keys(f"value,sha256\n{SK},\n{row}\n")
    assert [key.value for key in found] == [SK]
    assert len(wrong) == 1
    assert wrong[0].startswith("key 2: ")
    assert words in wrong[0]
    assert row.strip(",") == "" or row not in wrong[0]


@pytest.mark.parametrize(
    "text", ["", "name,models\na,b", "[1]", "{", '{"keys": 5}', "just words", '[{"key":' + "[" * 100_000, "key\n" + "x" * 200_000]
)
def test_what_is_no_file_of_keys(text: str) -> None:
    with pytest.raises(ValueError, match=r"CSV|JSON"):
        read_keys(text)
