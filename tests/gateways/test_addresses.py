"""What the control plane refuses to connect to, however it is spelt."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.gateways import addresses
from controlplane.gateways.addresses import Allowed
from controlplane.gateways.errors import TargetRefused

# Each is a URL host that some parser, resolver or kernel takes for an internal address.
BYPASSES = [
    # loopback, plainly and by other numbers
    "127.0.0.1", "127.1.2.3", "127.255.255.255", "localhost", "LOCALHOST", "localhost.", "127.0.0.1.",
    "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7F.0.0.1", "0x7f.1", "017700000001", "0177.0.0.1",
    "00000177.0.0.1", "127.000.000.001", "0177.0x0.0.1", "0x7f.0x0.0x0.0x1", "127.0.0.0x1", "0", "0x0", "00",
    "[::1]", "[0:0:0:0:0:0:0:1]", "[::1%25lo]", "[::1%lo]", "::1",
    # unspecified
    "0.0.0.0", "0.0.0.1", "[::]", "[0::0]",
    # mapped, compatible, translated, 6to4, NAT64, Teredo, ISATAP
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[::ffff:0:127.0.0.1]", "[::ffff:8.8.8.8]",
    "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::1]",
    "[2001:0:7f00:1::1]", "[2a00:1450:4001:800:0:5efe:10.0.0.1]",
    # private, carrier-grade NAT, link-local, metadata
    "10.0.0.1", "10.255.255.254", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.1.1.", "100.64.0.1",
    "100.127.255.255", "169.254.169.254", "169.254.0.1", "[fe80::1]", "[fe80::1%25eth0]", "[fec0::1]", "[fc00::1]",
    "[fd12:3456:789a::1]", "[fd00:ec2::254]", "2852039166", "0xa9fea9fe", "0xA9.0xFE.0xA9.0xFE", "0251.0376.0251.0376",
    # multicast, broadcast, reserved, documentation, benchmarking
    "224.0.0.1", "239.255.255.250", "255.255.255.255", "240.0.0.1", "[ff02::1]", "[ff0e::1]", "192.0.0.8",
    "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "192.88.99.1", "[2001:db8::1]", "[100::1]", "[3fff::1]",
    "[4000::1]", "[5f00::1]",
    # not ASCII: full width, circled, ideographic stops, other alphabets
    "１２７.０.０.１", "①②⑦.⓪.⓪.①", "127。0。0。1", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "lоcalhost", "\u2488\u0030",
    # not names at all
    "", ".", "..", "a..b", "-a.example", "a b", "a\tb", "exa_mple.com/@x", "a%2eb", "a\\b", "x" * 64 + ".example",
    "127.0.0.1:80", "[127.0.0.1]x", "foo.1", "foo.0x1", "1.2.3.4.5",
]  # fmt: skip


def resolves_to_loopback(host: str) -> tuple[str, ...]:
    return (host,) if addresses.literal(host) else ("127.0.0.1",)


def admitted(host: str) -> tuple[str, ...]:
    name = addresses.normal_host(host)
    return addresses.check(name, resolves_to_loopback(name))


@pytest.mark.parametrize("host", BYPASSES)
def test_every_way_to_an_internal_address_is_refused(host: str) -> None:
    with pytest.raises(TargetRefused):
        admitted(host)


def test_the_table_of_bypasses_is_as_long_as_promised() -> None:
    assert len(set(BYPASSES)) >= 100


@pytest.mark.parametrize(
    ("host", "normal"),
    [
        ("8.8.8.8", "8.8.8.8"),
        ("Example.ORG.", "example.org"),
        ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
        ("[2A00:1450:4001:0800::200e]", "2a00:1450:4001:800::200e"),
        ("a_b.example", "a_b.example"),
        ("3com.example", "3com.example"),
    ],
)
def test_a_public_host_has_one_normal_form(host: str, normal: str) -> None:
    assert addresses.normal_host(host) == normal


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "100.63.255.255", "172.32.0.1", "2a00:1450:4001:800::200e"]
)
def test_the_public_internet_is_allowed(address: str) -> None:
    assert addresses.check("host.example", [address]) == (address,)


def test_nat64_of_a_public_address_is_allowed() -> None:
    assert addresses.verdict(ipaddress.ip_address("64:ff9b::808:808")) is None


def test_one_internal_address_among_public_ones_refuses_the_name() -> None:
    with pytest.raises(TargetRefused, match="private"):
        addresses.check("host.example", ["8.8.8.8", "10.0.0.1"])


def test_what_an_administrator_allowed_is_allowed_and_nothing_beside_it() -> None:
    allowed = Allowed.of(["10.1.0.0/16", "Hooks.intern.example", "::1"])
    assert addresses.check("10.1.2.3", ["10.1.2.3"], allowed)
    assert addresses.check("hooks.intern.example", ["192.168.7.7"], allowed)
    assert addresses.check("::1", ["::1"], allowed)
    for host, address in (
        ("10.2.0.1", "10.2.0.1"),
        ("other.example", "192.168.7.7"),
        ("127.0.0.1", "127.0.0.1"),
    ):
        with pytest.raises(TargetRefused):
            addresses.check(host, [address], allowed)


@given(st.ip_addresses())
def test_nothing_is_allowed_that_python_calls_internal(address: addresses.Address) -> None:
    if addresses.verdict(address) is None:
        assert not address.is_private
        assert not address.is_link_local
        assert not address.is_multicast
        assert not (address.is_reserved and address not in ipaddress.ip_network("64:ff9b::/96"))


@given(st.ip_addresses(v=4))
def test_an_address_written_as_one_number_never_reaches_a_resolver(address: ipaddress.IPv4Address) -> None:
    for spelling in (str(int(address)), hex(int(address)), f"0{int(address):o}"):
        with pytest.raises(TargetRefused):
            addresses.normal_host(spelling)


@given(st.text(max_size=40))
def test_any_text_is_either_a_normal_host_or_refused(text: str) -> None:
    try:
        normal = addresses.normal_host(text)
    except TargetRefused:
        return
    assert addresses.normal_host(f"[{normal}]" if ":" in normal else normal) == normal
