from pathlib import Path

from tidegate.adapters import lists_file
from tidegate.adapters.lists_file import ListsFile
from tidegate.providers.lists import Listed, ProviderList
from tidegate.providers.spec import Price

LISTS = {
    "openai": ProviderList(
        at=5.5,
        source="https://there.example/v1/models",
        rows=(Listed(id="a", aliases=("b",), facts={"context": 5, "vision": True, "efforts": ["low"]}, price=Price(input=1, output=2)),),
    ),
    "empty": ProviderList(at=0, source="", rows=()),
}


def test_what_was_kept_is_read_again(tmp_path: Path) -> None:
    file = ListsFile(tmp_path, b"p" * 32)
    assert file.load() == {}
    file.save(LISTS)
    assert file.load() == LISTS
    assert (tmp_path / lists_file.NAME).stat().st_mode & 0o777 == 0o600


def test_what_is_not_ours_or_of_another_shape_is_nothing(tmp_path: Path) -> None:
    file = ListsFile(tmp_path, b"p" * 32)
    file.save(LISTS)
    assert ListsFile(tmp_path, b"q" * 32).load() == {}
    path = tmp_path / lists_file.NAME
    data = path.read_bytes()
    path.write_bytes(data[:-1] + b"x")
    assert file.load() == {}
