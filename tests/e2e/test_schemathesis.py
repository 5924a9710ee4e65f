"""The control API as its own document says it, asked by schemathesis through the real listener: nothing is a server error."""

import subprocess
import sys
from pathlib import Path

from tests.e2e.test_credentials import Api
from tests.support.gateway import GatewayProcess

LIMIT = 300
"""Seconds until it must have ended on a machine that is busy with other tests; alone it takes less than a minute."""


def test_nothing_that_fits_the_document_or_nearly_so_is_a_server_error(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path) as gateway:
        asked = Api(gateway)
        assert asked.ask("POST", "/orgs", {"id": "acme", "name": "acme"}).status_code == 201
        (tmp_path / "schemathesis.toml").write_text('[parameters]\n"path.org" = "acme"\n')
        command = [
            *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(tmp_path / "schemathesis.toml")),
            *("run", f"{asked.url}/openapi.json", "--url", asked.url.removesuffix("/api/v1")),
            *("--checks", "not_a_server_error", "--phases", "fuzzing", "--max-examples", "5", "--seed", "7"),
            *("-H", f"Authorization: Bearer {asked.token}", "-H", "If-Match: *"),
            *("--suppress-health-check", "all", "--generation-database", "none", "--no-color", "--warnings", "off"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=LIMIT, check=False)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        assert asked.ask("GET", "/me").status_code == 200
        assert "failed" not in gateway.log()
