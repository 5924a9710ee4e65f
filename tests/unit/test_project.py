"""Checks of the project itself: its locks, its size, what its files may name and what its source may call."""

import ast
import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
LOCKS = {name: f"requirements/{name}.txt" for name in ("runtime", "build", "dev", "clients", "fuzz")}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def entries(lock: str) -> list[str]:
    """The lock's requirements, each with its continuation lines joined, without comments."""
    text = (ROOT / LOCKS[lock]).read_text().replace("\\\n", " ")
    return [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


def pins(lock: str) -> dict[str, str]:
    """Package -> version."""
    found: dict[str, str] = {}
    for entry in entries(lock):
        requirement = Requirement(entry.split(" --hash=")[0])
        found[canonicalize_name(requirement.name)] = str(requirement.specifier).removeprefix("==")
    return found


def declared(lock: str) -> list[str]:
    return PROJECT["project"]["dependencies"] if lock == "runtime" else PROJECT["dependency-groups"][lock]


def test_the_default_install_stays_small() -> None:
    assert 0 < len(declared("runtime")) <= 25
    assert len(declared("runtime")) <= len(pins("runtime")) <= 40


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_is_pinned_with_hashes(lock: str) -> None:
    for entry in entries(lock):
        assert re.fullmatch(r"[a-z0-9-]+==[^\s;]+( ; .+?)?(\s+--hash=sha256:[0-9a-f]{64})+", entry), entry


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_is_in_step_with_pyproject(lock: str) -> None:
    locked = pins(lock)
    for line in declared(lock):
        requirement = Requirement(line)
        name = canonicalize_name(requirement.name)
        assert name in locked, f"{name} is not in {LOCKS[lock]}: run `make lock`"
        assert requirement.specifier.contains(locked[name], prereleases=True), f"{LOCKS[lock]} has {name} {locked[name]}: run `make lock`"


def test_locks_agree_on_what_they_share() -> None:
    agreed: dict[str, str] = {}
    for lock in LOCKS.keys() - {"clients"}:  # these have an environment of their own
        for package, version in pins(lock).items():
            assert agreed.setdefault(package, version) == version, package


def test_the_node_lock_pins_by_content_and_names_no_address() -> None:
    manifest = json.loads((ROOT / "tests/e2e/node/package.json").read_text())
    packages = json.loads((ROOT / "tests/e2e/node/package-lock.json").read_text())["packages"]
    assert packages.pop("")["dependencies"] == manifest["dependencies"]
    assert {f"node_modules/{name}" for name in manifest["dependencies"]} <= packages.keys()
    for name, package in packages.items():
        assert package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, name


# Written with a bracket each, so that this file does not name them.
FORBIDDEN_TEXT = re.compile(
    r"pypi[.]org|pythonhosted[.]org|registry[.]npmjs|registry[.]yarnpkg|static[.]crates|index[.]crates|proxy[.]golang[.]org"
    r"|repo1?[.]maven|deb[.]debian[.]org|--(extra-)?index-url|(?<![\w.~:/-])/(wo[r]k|ro[o]t|ho[m]e|Use[r]s)/\w|[.]py[e]nv/"
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see https://pypi" + ".org/simple", True),
        ("cd /ro" + "ot/x", True),
        ('"/wo' + 'rk/main"', True),
        ("file:///ho" + "me/me", False),
        ("https://example.com/work/item", False),
        ("./work/item", False),
    ],
)
def test_what_counts_as_an_address_or_a_machine_path(text: str, found: bool) -> None:
    assert bool(FORBIDDEN_TEXT.search(text)) is found


def test_no_tracked_file_names_a_registry_or_a_machine_path() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    tracked = [ROOT / name for name in listed if name and (ROOT / name).is_file()]
    assert ROOT / "pyproject.toml" in tracked
    for path in tracked:
        match = FORBIDDEN_TEXT.search(path.read_bytes().decode("utf-8", "replace"))
        assert match is None, f"{name_of(path)} names {match.group(0) if match else ''}"


def test_every_module_says_what_it_is_for_and_stays_readable() -> None:
    assert len(SOURCES) > 10
    for path in SOURCES:
        text = path.read_text()
        assert ast.get_docstring(ast.parse(text)), f"{name_of(path)} has no module docstring"
        assert text.count("\n") <= 450, f"{name_of(path)} is long: is it still one thing with one reason to change?"


FORBIDDEN_NAMES = {
    "eval": "no code from strings",
    "exec": "no code from strings",
    "pickle": "pickles run code",
    "marshal": "unsafe on foreign data",
    "shelve": "pickles run code",
    "subprocess": "the gateway starts no processes",
    "os.system": "the gateway starts no processes",
    "os.popen": "the gateway starts no processes",
    "datetime.datetime.now": "time comes from ports.Clock",
    "datetime.datetime.utcnow": "time comes from ports.Clock",
    "datetime.datetime.today": "time comes from ports.Clock",
    "datetime.date.today": "time comes from ports.Clock",
    "yaml.unsafe_load": "builds any object",
    "yaml.full_load": "builds more than plain values",
    "yaml.load_all": "use a safe loader",
}
SAFE_LOADERS = {"yaml.SafeLoader", "yaml.CSafeLoader"}


def dotted(node: ast.expr, known: dict[str, str]) -> str:
    """`a.b.c` with `a` replaced by what it was imported as; empty for anything that is not a plain dotted name."""
    if isinstance(node, ast.Name):
        return known.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        left = dotted(node.value, known)
        return f"{left}.{node.attr}" if left else ""
    return ""


def imported(tree: ast.Module) -> dict[str, str]:
    """Local name -> the full name of what it was imported as."""
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known.update(
                (alias.asname or alias.name.partition(".")[0], alias.name if alias.asname else alias.name.partition(".")[0])
                for alias in node.names
            )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            known.update((alias.asname or alias.name, f"{node.module}.{alias.name}") for alias in node.names)
    return known


def offences(source: str) -> Iterator[str]:
    """What the source does that the project forbids: `line: name`."""
    tree = ast.parse(source)
    known = imported(tree)
    safe = SAFE_LOADERS | {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and {dotted(base, known) for base in node.bases} & SAFE_LOADERS
    }
    for local, full in known.items():
        if full in FORBIDDEN_NAMES or full.partition(".")[0] in FORBIDDEN_NAMES:
            yield f"import: {local}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and dotted(node, known) in FORBIDDEN_NAMES:
            yield f"{node.lineno}: {dotted(node, known)}"
        if isinstance(node, ast.Call) and dotted(node.func, known) == "yaml.load":
            loaders = [*node.args[1:2], *(keyword.value for keyword in node.keywords if keyword.arg == "Loader")]
            if not loaders or dotted(loaders[0], known) not in safe:
                yield f"{node.lineno}: yaml.load without a safe loader"


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("from datetime import datetime, UTC\nx = datetime.now(UTC)", 1),
        ("import datetime as d\nx = d.datetime.utcnow()", 1),
        ("eval('1')", 1),
        ("exec('1')", 1),
        ("import pickle", 1),
        ("from subprocess import run", 1),
        ("import os\nos.system('x')", 1),
        ("from os import system as s", 1),
        ("import yaml\nyaml.load(x)", 1),
        ("import yaml\nyaml.load(x, Loader=yaml.Loader)", 1),
        ("import yaml\nyaml.load(x, Loader=yaml.CSafeLoader)", 0),
        ("import yaml\nclass Lines(yaml.SafeLoader): ...\nyaml.load(x, Lines)", 0),
        ("import time\nself.now = clock.now()\nprice.evaluate(x)", 0),
    ],
)
def test_what_counts_as_an_offence(source: str, count: int) -> None:
    assert len(set(offences(source))) == count


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_the_source_calls_nothing_forbidden(path: Path) -> None:
    assert list(offences(path.read_text())) == []


def test_ci_runs_what_the_readme_tells_people_to_run() -> None:
    assert "make test" in (ROOT / "README.md").read_text()
    assert (ROOT / ".ci/run").read_text().splitlines()[-1] == "make test"
