"""Which addresses a webhook may be sent to: those of the public internet, unless the configuration says more.

Whoever can name a URL could otherwise have the appliance talk to what stands behind the firewall with it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052 section 2.1: the last 32 bits are an IPv4 address
_NEVER = (
    IPv6Network("::/96"),  # RFC 4291 section 2.5.5.1, IPv4-compatible: obsolete, and may lead to that IPv4 address
    IPv6Network("64:ff9b:1::/48"),  # RFC 8215: translation inside one network
    IPv6Network("fec0::/10"),  # RFC 3879: site-local
    IPv4Network("192.88.99.0/24"),  # RFC 7526: relays of 6to4
)


@dataclass(frozen=True, slots=True)
class NetworkPolicy:
    """`networks` are allowed besides the public internet; `allow_private` allows everything."""

    allow_private: bool = False
    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, *, allow_private: bool, networks: Iterable[str]) -> "NetworkPolicy":
        """`networks` in the form 10.1.0.0/16. Raises ValueError."""
        return cls(allow_private, tuple(ip_network(one) for one in networks))

    def allows(self, address: str) -> bool:
        """Whether to connect to `address`, an IP address as the resolver gives it, perhaps with an IPv6 scope."""
        meant = _meant(ip_address(address))
        if self.allow_private or any(meant in network for network in self.networks):
            return True
        return _is_public(meant)


def _meant(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, if it stands for one."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address


def _is_public(address: Address) -> bool:
    """By the registries of IANA for special purposes (RFC 6890), which `is_global` knows, and what it leaves out."""
    if any(address in network for network in _NEVER if network.version == address.version):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)
