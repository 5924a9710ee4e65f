import pytest

from tidegate.ir.errors import GatewayError
from tidegate.proxy.app import App
from tidegate.proxy.call import Call
from tidegate.proxy.paths import Paths, Surface
from tidegate.proxy.reply import Reply


async def nothing(app: App, call: Call, reply: Reply) -> None:
    raise AssertionError("not called here")


PATHS = Paths(
    (
        Surface("list", "GET", b"/v1/things", "", nothing),
        Surface("make", "POST", b"/v1/things", "", nothing),
        Surface("get", "GET", b"/v1/things/{id}", "", nothing),
        Surface("delete", "DELETE", b"/v1/things/{id}", "", nothing),
        Surface("cancel", "POST", b"/v1/things/{id}/cancel", "", nothing),
        Surface("part", "GET", b"/v1/things/{id}/parts/{part}", "", nothing),
        Surface("say", "POST", b"/v1beta/models/{model}:say", "", nothing, stream=False),
        Surface("stream", "POST", b"/v1beta/models/{model}:streamSay", "", nothing, stream=True),
    )
)


@pytest.mark.parametrize(
    ("method", "path", "name", "params"),
    [
        ("GET", b"/v1/things", "list", {}),
        ("POST", b"/v1/things", "make", {}),
        ("GET", b"/v1/things/resp_1-a.b", "get", {"id": "resp_1-a.b"}),
        ("DELETE", b"/v1/things/x", "delete", {"id": "x"}),
        ("POST", b"/v1/things/x/cancel", "cancel", {"id": "x"}),
        ("GET", b"/v1/things/x/parts/y", "part", {"id": "x", "part": "y"}),
        ("POST", b"/v1beta/models/big:say", "say", {"model": "big"}),
        ("POST", b"/v1beta/models/a/b%2Fc:1:streamSay", "stream", {"model": "a/b/c:1"}),
    ],
)
def test_paths_with_parts(method: str, path: bytes, name: str, params: dict[str, str]) -> None:
    surface, found = PATHS.match(method, path)
    assert (surface.name, found) == (name, params)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", b"/v1/things/x", 405),
        ("GET", b"/v1/things/x/cancel", 405),
        ("GET", b"/v1/things/a%2Fb", 400),
        ("GET", b"/v1/things/a b", 404),
        ("GET", b"/v1/things/x/", 404),
        ("GET", b"/v1/things/..", 400),
        ("GET", b"/v1/things/.", 404),
        ("POST", b"/v1beta/models/..:say", 400),
        ("POST", b"/v1beta/models/%ff:say", 404),
        ("POST", b"/v1beta/models/:say", 404),
    ],
)
def test_parts_that_are_none(method: str, path: bytes, status: int) -> None:
    with pytest.raises(GatewayError) as raised:
        PATHS.match(method, path)
    assert raised.value.error.http_status == status


def test_a_wrong_method_names_the_right_ones() -> None:
    with pytest.raises(GatewayError, match="use GET or DELETE"):
        PATHS.match("PUT", b"/v1/things/x")
