"""Which addresses a webhook may be sent to: those of others, never those of our own networks."""

import ipaddress
from ipaddress import IPv4Address, IPv6Address, IPv6Network

_NAT64 = IPv6Network("64:ff9b::/96")
# What Python calls global in one version or another, and no public host has: IANA's registries of
# special-purpose addresses, and site-local ones.
_SPECIAL = [
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",
        "192.88.99.0/24",
        "64:ff9b:1::/48",
        "100::/64",
        "100:0:0:1::/64",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
    )
]


def is_allowed(text: str, *, loopback: bool) -> bool:
    """Whether an address is one of the public Internet, or of this machine where that is wanted."""
    address = _carried(ipaddress.ip_address(text))
    if address.is_loopback:
        return loopback
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in network for network in _SPECIAL)
    )


def _carried(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that is reached through one of IPv6: mapped, 6to4, NAT64."""
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address
