import pytest

from tidegate.dialects.effort import nearest


@pytest.mark.parametrize(
    ("word", "allowed", "expected"),
    [
        ("low", ("low", "high"), "low"),
        ("medium", ("low", "high"), "high"),
        ("max", ("low", "medium"), "medium"),
        ("minimal", ("none", "low"), "low"),
        ("none", ("none", "low"), "none"),
        ("none", ("high", "minimal", "low"), "minimal"),
        ("low", ("none",), None),
        ("low", ("none", "default"), "default"),
        ("default", ("none", "default"), "default"),
        ("odd", ("low",), None),
        ("low", (), None),
    ],
)
def test_nearest(word: str, allowed: tuple[str, ...], expected: str | None) -> None:
    assert nearest(word, allowed) == expected
