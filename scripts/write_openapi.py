"""Writes docs/openapi.json from the route table of the control API."""

from pathlib import Path

from tidegate.control.api.openapi import render
from tidegate.control.api.routes import ROUTES

PAGE = Path(__file__).parents[1] / "docs" / "openapi.json"

if __name__ == "__main__":
    PAGE.write_bytes(render(ROUTES))
