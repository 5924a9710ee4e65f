from pathlib import Path

import pytest

from tidegate.control.problems import Problems
from tidegate.control.secrets import Secrets

ENVIRON = {"GOOD": " s3cret \n", "EMPTY": "", "ODD": "two\nlines", "SPACED": "Token abc", "ANTHROPIC_API_KEY": "k"}


def resolve(reference: str, base: Path, *, spaces: bool = False) -> tuple[str | None, str, str]:
    """(secret, errors, warnings)"""
    problems = Problems("f")
    secret = Secrets(ENVIRON, base).resolve(reference, ("at",), problems, spaces=spaces)
    return secret, " ".join(p.message for p in problems.errors), " ".join(p.message for p in problems.warnings)


def test_a_variable(tmp_path: Path) -> None:
    assert resolve("env:GOOD", tmp_path) == ("s3cret", "", "")


def test_a_file_beside_the_configuration_or_anywhere(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s3cret\n")
    for reference in ("file:key", "file:./key", f"file:{tmp_path}/key"):
        assert resolve(reference, tmp_path) == ("s3cret", "", "")
    secrets = Secrets(ENVIRON, tmp_path)
    secrets.resolve("file:key", (), Problems("f"))
    secrets.resolve("file:gone", (), Problems("f"))
    assert secrets.files == [tmp_path / "key", tmp_path / "gone"]


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("env:NOPE", "the environment variable `NOPE` is not set"),
        ("env:EMPTY", "`EMPTY` is empty"),
        ("env:ANTROPIC_API_KEY", "Did you mean `ANTHROPIC_API_KEY`?"),
        ("env:", "after `env:` comes the name"),
        ("env:A B", "after `env:` comes the name"),
        ("env:ODD", "which a header cannot carry"),
        ("env:SPACED", "which a header cannot carry"),
        ("file:gone", "the file `gone` cannot be read: No such file"),
        ("file:.", "cannot be read"),
        ("file:void", "the file `void` is empty"),
        ("file:bin", "is not text in UTF-8"),
        ("file:huge", "cannot be a secret"),
        ("$GOOD", "written `env:GOOD`"),
        ("${GOOD}", "written `env:GOOD`"),
        ("os.environ/GOOD", "written `env:GOOD`"),
        ("ANTHROPIC_API_KEY", "write `env:ANTHROPIC_API_KEY`"),
        ("", "a secret is written"),
    ],
)
def test_what_cannot_be_resolved(tmp_path: Path, reference: str, words: str) -> None:
    (tmp_path / "void").write_text(" \n")
    (tmp_path / "bin").write_bytes(b"\xff\xfe")
    (tmp_path / "huge").write_bytes(b"x" * 70_000)
    secret, errors, _ = resolve(reference, tmp_path)
    assert secret is None
    assert words in errors
    assert "s3cret" not in errors


def test_a_secret_in_the_file_itself_works_with_a_warning(tmp_path: Path) -> None:
    secret, errors, warnings = resolve("sk-literal", tmp_path)
    assert (secret, errors) == ("sk-literal", "")
    assert "stands in the file itself" in warnings
    assert "sk-literal" not in warnings


def test_spaces_only_where_they_are_allowed(tmp_path: Path) -> None:
    assert resolve("env:SPACED", tmp_path, spaces=True)[0] == "Token abc"
