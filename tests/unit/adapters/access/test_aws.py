import json
from pathlib import Path

import pytest
from botocore.credentials import Credentials as Standing

from tidegate.adapters.access import aws
from tidegate.ports import AccessFailure

ENVIRON = {"AWS_ACCESS_KEY_ID": "AKIA1", "AWS_SECRET_ACCESS_KEY": "secret1", "AWS_SESSION_TOKEN": "session1"}


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without credentials of AWS, and with this home."""
    for name in [*ENVIRON, "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / ".aws").mkdir()
    return tmp_path


def test_a_document_gives_its_keys() -> None:
    found = aws.exchange('{"access_key_id":"A","secret_access_key":"s","session_token":"t"}')
    assert json.loads(found.token) == {"access_key": "A", "secret_key": "s", "session_token": "t"}
    assert json.loads(aws.exchange('{"access_key_id":"A","secret_access_key":"s"}').token)["session_token"] is None


@pytest.mark.parametrize("document", ["{", "[]", "{}", '{"access_key_id":"A"}', '{"access_key_id":1,"secret_access_key":"s"}'])
def test_a_document_without_keys(document: str) -> None:
    with pytest.raises(AccessFailure) as refused:
        aws.exchange(document)
    assert refused.value.permanent


def test_the_environment_comes_before_the_files(monkeypatch: pytest.MonkeyPatch, nowhere: Path) -> None:
    (nowhere / ".aws/credentials").write_text("[default]\naws_access_key_id = AKIA2\naws_secret_access_key = secret2\n")
    assert json.loads(aws.exchange(None).token) == {"access_key": "AKIA2", "secret_key": "secret2", "session_token": None}
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    assert json.loads(aws.exchange(None).token) == {"access_key": "AKIA1", "secret_key": "secret1", "session_token": "session1"}


def test_a_profile_by_its_name(monkeypatch: pytest.MonkeyPatch, nowhere: Path) -> None:
    (nowhere / ".aws/config").write_text("[profile work]\naws_access_key_id=AKIA3\naws_secret_access_key=se%cret\naws_session_token=t\n")
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert json.loads(aws.exchange(None).token) == {"access_key": "AKIA3", "secret_key": "se%cret", "session_token": "t"}
    monkeypatch.setenv("AWS_PROFILE", "play")
    with pytest.raises(AccessFailure, match="no profile `play`"):
        aws.exchange(None)


def test_a_file_that_is_broken_says_so(nowhere: Path) -> None:
    (nowhere / ".aws/credentials").write_text("no section\n")
    with pytest.raises(AccessFailure, match="cannot be read"):
        aws.exchange(None)


def test_the_rest_of_the_chain_is_botocores(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AccessFailure, match="AWS_BEARER_TOKEN_BEDROCK"):
        aws.exchange(None)
    monkeypatch.setattr("botocore.session.Session.get_credentials", lambda _session: Standing("AKIA4", "secret4", "token4"))
    found = aws.exchange(None)
    assert json.loads(found.token)["access_key"] == "AKIA4"
    assert found.lifetime == 900


def test_without_botocore_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(aws.importlib, "import_module", gone)
    with pytest.raises(AccessFailure, match="extra `bedrock`"):
        aws.exchange(None)
