"""Which addresses are public, in every form in which a private one can be written."""

import pytest

from appliance.webhooks.network import NetworkPolicy

PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
PRIVATE = [
    *("127.0.0.1", "127.8.9.1", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1"),
    *("203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.88.99.1"),
    *("::", "::1", "fe80::1", "fe80::1%1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "100::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::10.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::1", "2002:a00:1::1", "2001::1"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_address_is_allowed(address: str) -> None:
    assert NetworkPolicy().allows(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_any_other_address_is_refused(address: str) -> None:
    assert not NetworkPolicy().allows(address)


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203"])
def test_network_of_the_configuration_is_allowed_and_no_other(address: str) -> None:
    policy = NetworkPolicy.of(allow_private=False, networks=["10.1.0.0/16", "fd00:1::/64"])

    assert policy.allows(address)
    assert policy.allows("fd00:1::5")
    assert not policy.allows("10.2.0.1")
    assert not policy.allows("127.0.0.1")


def test_everything_can_be_allowed() -> None:
    policy = NetworkPolicy.of(allow_private=True, networks=[])

    assert all(policy.allows(address) for address in (*PUBLIC, *PRIVATE))
