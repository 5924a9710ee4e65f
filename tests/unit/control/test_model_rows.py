import pytest
from tests.unit.control.configs import Place

from tidegate.policy.snapshot import OwnModel

ENVIRON = {"KEY": "the-secret-of-openai"}
HEAD = "providers: {openai: {api_key: env:KEY}}\n"


def test_rows(place: Place) -> None:
    text = (
        HEAD + "models:\n  openai/gpt-9: {context: 5, vision: false, deprecated: soon}\n  openai/x*: {thinking: effort, efforts: [low]}\n"
    )
    found = place.load(text, ENVIRON).snapshot.own_models
    assert found == {
        "openai/gpt-9": OwnModel(capabilities={"context": 5, "vision": False}, deprecated="soon"),
        "openai/x*": OwnModel(capabilities={"thinking": "effort", "efforts": ["low"]}),
    }


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("gpt-9: {context: 5}", "models.gpt-9: a row is for `provider/model`"),
        ("openai/*x: {context: 5}", "a row is for `provider/model`"),
        ("opnai/x: {context: 5}", "there is no provider `opnai`. Did you mean `openai`?"),
        ("openai/x: {}", "nothing is said of the model"),
        ("openai/x: {context: 0}", 'models["openai/x"].context: it is a number of tokens above 0'),
        ("openai/x: {thinking: often}", "`often` is not possible"),
    ],
)
def test_mistakes(place: Place, row: str, words: str) -> None:
    found = place.mistakes(f"{HEAD}models:\n  {row}\n", ENVIRON)
    assert any(words in line for line in found), found
