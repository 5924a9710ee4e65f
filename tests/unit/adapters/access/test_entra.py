import json
from pathlib import Path
from typing import Any

import pytest

from tidegate.adapters.access import entra
from tidegate.ports import AccessFailure

DOCUMENT = {"tenant_id": "t/1", "client_id": "c", "client_secret": "s"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What is asked of Entra, which gives a token for an hour."""
    calls: list[tuple[str, Any]] = []

    def ask(url: str, form: Any = None, *, headers: Any = None) -> Any:
        calls.append((url, form if form is not None else headers))
        return {"access_token": "token", "expires_in": "3599"}

    monkeypatch.setattr(entra, "ask", ask)
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST"):
        monkeypatch.delenv(name, raising=False)
    return calls


def test_a_clients_secret(asked: list[tuple[str, Any]]) -> None:
    found = entra.exchange(json.dumps(DOCUMENT))
    assert (found.token, found.lifetime) == ("token", 3599)
    ((url, form),) = asked
    assert url == "https://login.microsoftonline.com/t%2F1/oauth2/v2.0/token"
    assert form == {
        "grant_type": "client_credentials",
        "client_id": "c",
        "client_secret": "s",
        "scope": "https://cognitiveservices.azure.com/.default",
    }


def test_a_workload_shows_its_federated_token(asked: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("jwt\n")
    for name, value in (("TENANT_ID", "t"), ("CLIENT_ID", "c"), ("FEDERATED_TOKEN_FILE", str(tmp_path / "token"))):
        monkeypatch.setenv(f"AZURE_{name}", value)
    entra.exchange(None)
    assert asked[0][1]["client_assertion"] == "jwt"
    assert "client_secret" not in asked[0][1]


def test_the_machine_has_an_identity(asked: list[tuple[str, Any]]) -> None:
    entra.exchange(None)
    ((url, headers),) = asked
    assert url.startswith("http://169.254.169.254/metadata/identity/oauth2/token?")
    assert headers == {"metadata": "true"}


@pytest.mark.parametrize(
    "document",
    [
        "{",
        json.dumps({**DOCUMENT, "client_secret": ""}),
        json.dumps({"client_id": "c", "client_secret": "s"}),
        json.dumps({**DOCUMENT, "authority": "http://inside.example"}),
        # A document never names a file of this machine.
        json.dumps({"tenant_id": "t", "client_id": "c", "token_file": "/etc/passwd"}),
    ],
)
def test_documents_that_are_refused(asked: list[tuple[str, Any]], document: str) -> None:
    with pytest.raises(AccessFailure) as refused:
        entra.exchange(document)
    assert refused.value.permanent
    assert asked == []


def test_an_answer_without_a_token(asked: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    del asked
    monkeypatch.setattr(entra, "ask", lambda *_args, **_more: {})
    with pytest.raises(AccessFailure):
        entra.exchange(json.dumps(DOCUMENT))


@pytest.mark.parametrize("authority", ["https://inside.example", "https://login.microsoftonline.com.example", "https://10.0.0.5:8443/x"])
def test_a_document_names_no_place_but_microsofts(asked: list[tuple[str, Any]], authority: str) -> None:
    with pytest.raises(AccessFailure, match="none of Microsoft's"):
        entra.exchange(json.dumps({**DOCUMENT, "authority": authority}))
    assert asked == []


def test_national_clouds(asked: list[tuple[str, Any]]) -> None:
    entra.exchange(json.dumps({**DOCUMENT, "authority": "https://login.microsoftonline.us/"}))
    assert asked[0][0] == "https://login.microsoftonline.us/t%2F1/oauth2/v2.0/token"


def test_the_process_may_have_an_authority_of_its_own(asked: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("TENANT_ID", "t"), ("CLIENT_ID", "c"), ("CLIENT_SECRET", "s"), ("AUTHORITY_HOST", "https://sts.inside.example")):
        monkeypatch.setenv(f"AZURE_{name}", value)
    entra.exchange(None)
    assert asked[0][0] == "https://sts.inside.example/t/oauth2/v2.0/token"
