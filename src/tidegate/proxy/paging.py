"""What a client asks of a list that is read from the store: how many, and from where on."""

from urllib.parse import parse_qs

from tidegate.ir.errors import bad_request


def asked_page(query: bytes, *, most: int = 100, usual: int = 20, after: str = "after") -> tuple[int, str]:
    """(limit, id after which the page begins). Raises `GatewayError`."""
    asked = parse_qs(query.decode("latin-1"))
    limit = asked.get("limit", [""])[0]
    if limit and not (limit.isascii() and limit.isdigit() and 1 <= int(limit) <= most):
        raise bad_request(f"`limit` must be a number from 1 to {most}.", "limit")
    return int(limit or usual), asked.get(after, [""])[0]
