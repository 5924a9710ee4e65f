"""What a URL and an address may be. The lists are also sent for real, in the tests of the client."""

import ipaddress

import pytest

from tidegate.policy.egress import Allowed, Egress, Refused, check_address, place_of

PUBLIC = Egress()
OWN = Egress(allow=(Allowed(network=ipaddress.ip_network("10.0.0.0/8"), ports=(8000,)), Allowed(host="hooks.internal", ports=(443, 8443))))

HOSTS = [
    # this machine, in every spelling
    *("127.0.0.1", "127.1", "127.0.1", "127.255.255.254", "2130706433", "0x7f000001", "0x7f.1", "0x7f.0.0.1", "017700000001", "0177.0.0.1"),
    *("127.0.0.01", "0127.0.0.1", "127.0.0.1.", "0", "0.0.0.0", "0x0", "00000000", "127.0.0.0x1", "0x7F.0X0.0x0.0x1", "4294967295", "256"),
    *(
        "127.0.0.256",
        "127.0.0",
        "1.2.3",
        "1.2.3.4.5",
        "0x",
        "0xg",
        "127.0.0.1e0",
        "[::1]",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
    ),
    *(
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[::7f00:1]",
        "[::ffff:0:127.0.0.1]",
        "[::1%25lo]",
        "[::1%lo]",
        "[fe80::1%25eth0]",
        "[::1",
        "::1",
    ),
    *(
        "localhost",
        "LOCALHOST",
        "localhost.",
        "127.0.0.1%00.example",
        "127.0.0.1%2eexample.com",
        "%31%32%37.0.0.1",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
    ),
    # metadata services
    *("169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "[::ffff:169.254.169.254]", "[fd00:ec2::254]"),
    *("[fd20:ce::254]", "169.254.170.2", "100.100.100.200", "192.0.0.192", "168.63.129.16", "[::ffff:a9fe:a9fe]", "[2002:a9fe:a9fe::1]"),
    # private and special networks
    *("10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.254", "192.168.0.1", "192.168.255.255", "100.64.0.1", "100.127.255.254"),
    *("192.0.0.1", "192.0.2.1", "198.18.0.1", "198.19.255.254", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1"),
    *("255.255.255.255", "192.88.99.1", "0.1.2.3", "[fc00::1]", "[fd12:3456::1]", "[fe80::1]", "[fec0::1]", "[ff02::1]", "[100::1]"),
    *("[2001:db8::1]", "[2001::1]", "[2001:0:7f00:1::]", "[2001:10::1]", "[2002:7f00:1::]", "[2002:a00:1::1]", "[64:ff9b::7f00:1]"),
    *(
        "[64:ff9b::10.0.0.1]",
        "[64:ff9b::169.254.169.254]",
        "[64:ff9b:1::7f00:1]",
        "[::10.0.0.1]",
        "[::ffff:10.0.0.1]",
        "[3fff::1]",
        "[5f00::1]",
    ),
    # no names
    *(
        "",
        ".",
        "..",
        "a..b",
        "-a.example",
        "a-.example",
        "a_b.example",
        "exa mple.com",
        "exa\tmple.com",
        "exa\nmple.com",
        "a" * 64 + ".example",
    ),
    *(
        ".".join(["a" * 60] * 5),
        "bücher.example",
        "xn--",
        "*.example",
        "a,b",
        "a;b",
        "a'b",
        'a"b',
        "a{b}",
        "a|b",
        "a^b",
        "a`b",
        "<a>",
        "a\0b",
    ),
    *(
        "user@example.com",
        "user:pass@example.com",
        "@example.com",
        "example.com@127.0.0.1",
        "127.0.0.1#@example.com",
        "example.com\\@127.0.0.1",
    ),
]
URLS = [
    *(f"http://{host}:PORT/" for host in ("127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "127.1", "0", "[::ffff:127.0.0.1]")),
    *(
        f"https://{host}:PORT/"
        for host in ("127.0.0.1", "localhost", "[::1]", "0177.1", "0x7f000001", "[::]", "0.0.0.0", "[64:ff9b::7f00:1]")
    ),
    *(f"https://{before}127.0.0.1:PORT/" for before in ("user@", "user:pw@", "example.com@", "a%40", "a@b@", ":@", "@")),
    *(
        f"https://example.com{after}"
        for after in ("#@127.0.0.1:PORT/", "\\@127.0.0.1:PORT/", ":PORT@127.0.0.1/", "%00.127.0.0.1:PORT/", ":x/")
    ),
    *(f"{scheme}127.0.0.1:PORT/" for scheme in ("ftp://", "file://", "gopher://", "dict://", "//", "/", "", "http:/", "https:", "ws://")),
    *(
        f"{scheme}://127.0.0.1:PORT/"
        for scheme in ("HTTP", "hTtP", "HTTPS", "http\t", " http", "jar:http", "view-source:http", "unix", "data")
    ),
    *(
        "file:///etc/passwd",
        "https://",
        "https:///",
        "https://:PORT/",
        "javascript:alert(1)",
        "https://127.0.0.1:PORT:80/",
        "http://[::1]PORT/",
    ),
    *(
        "https://127.0.0.1:0PORT/",
        "http://127.0.0.1:PORT\r\nx: y/",
        "https://[127.0.0.1]:PORT/",
        "https://[::1]:PORT@x/",
        "https://x:99999/",
    ),
    *(
        f"http://{name}:PORT/"
        for name in ("127.0.0.1.", "LocalHost", "127.000.000.001", "127.0.0.1:", "[0::1]", "[::0001]", "0x7f.0.1", "00.0.0.0")
    ),
    "https://" + "a" * 3000,
]


@pytest.mark.parametrize("host", [host for host in HOSTS if host not in ("localhost", "LOCALHOST", "xn--")])
def test_hosts_that_lead_nowhere_or_inside(host: str) -> None:
    with pytest.raises(Refused):
        place_of(f"https://{host}/", PUBLIC)


@pytest.mark.parametrize("url", [url.replace("PORT", "8080") for url in URLS])
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(Refused):
        place_of(url, PUBLIC)


@pytest.mark.parametrize(
    "host", ["0.0.0.1", "169.254.169.254", "168.63.129.16", "100.100.100.200", "224.0.0.1", "[fe80::1]", "[fd00:ec2::254]", "[::]"]
)
def test_nothing_allows_what_nothing_may_reach(host: str) -> None:
    everything = Egress(
        allow=(
            Allowed(network=ipaddress.ip_network("0.0.0.0/1")),
            Allowed(network=ipaddress.ip_network("128.0.0.0/1")),
            Allowed(network=ipaddress.ip_network("::/1")),
            Allowed(network=ipaddress.ip_network("8000::/1")),
            Allowed(host=host),
        )
    )
    with pytest.raises(Refused, match="nothing may reach"):
        place_of(f"https://{host}/", everything)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://api.example.com", (True, "api.example.com", 443, "api.example.com", "/")),
        ("https://API.Example.com:443/v1?a=b", (True, "api.example.com", 443, "api.example.com", "/v1?a=b")),
        ("https://93.184.215.14/x", (True, "93.184.215.14", 443, "93.184.215.14", "/x")),
        ("https://[2606:4700::1111]/", (True, "2606:4700::1111", 443, "[2606:4700::1111]", "/")),
        ("https://xn--bcher-kva.example/", (True, "xn--bcher-kva.example", 443, "xn--bcher-kva.example", "/")),
    ],
)
def test_public_places(url: str, place: tuple[bool, str, int, str, str]) -> None:
    found = place_of(url, PUBLIC)
    assert (found.secure, found.host, found.port, found.authority, found.target) == place


@pytest.mark.parametrize(
    "url", ["http://10.0.0.5:8000/v1", "https://10.1.2.3:8000/", "https://hooks.internal/x", "http://hooks.internal:8443/"]
)
def test_what_the_operator_allows(url: str) -> None:
    place = place_of(url, OWN)
    check_address(place, place.address or ipaddress.ip_address("192.168.7.7"), OWN)


@pytest.mark.parametrize(
    "url", ["http://10.0.0.5:8001/", "https://11.0.0.5:8000/", "https://hooks.internal:444/", "http://example.com/", "https://10.0.0.5/"]
)
def test_what_is_beside_what_the_operator_allows(url: str) -> None:
    with pytest.raises(Refused):
        place = place_of(url, OWN)
        check_address(place, ipaddress.ip_address("192.168.7.7"), OWN)


def test_the_port_of_one_rule_does_not_open_another_host() -> None:
    with pytest.raises(Refused):
        place_of("https://elsewhere.example:8443/", OWN)
    # A network's port passes by name and is judged by address.
    named = place_of("http://models.example:8000/", OWN)
    check_address(named, ipaddress.ip_address("10.9.9.9"), OWN)
    with pytest.raises(Refused):
        check_address(named, ipaddress.ip_address("93.184.215.14"), OWN)
