"""Who is asking, as far as the network shows it."""

import ipaddress
from dataclasses import dataclass

_BROWSERS = ("Edg", "OPR", "Firefox", "Chrome", "Safari", "curl")
_NAMES = {"Edg": "Edge", "OPR": "Opera"}
_SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Mac OS X", "Linux")


@dataclass(frozen=True, slots=True)
class Client:
    """The address and the browser of a request, as sessions and notices name them.

    `device_cookie` is what the browser was given to be known again by.
    """

    ip_address: str
    user_agent: str
    device_cookie: str = ""

    @property
    def browser(self) -> str:
        """Name what asks in known words; empty when there are none.

        A mail must not quote what a stranger may choose.
        """
        found = [_NAMES.get(name, name) for name in _BROWSERS if f"{name}/" in self.user_agent]
        systems = [name for name in _SYSTEMS if name in self.user_agent]
        return " / ".join([*found[:1], *systems[:1]])

    def network(self, *, ipv4: int, ipv6: int) -> str:
        """Return the network of the address, as large as these prefixes make it."""
        address = ipaddress.ip_address(self.ip_address)
        prefix = ipv4 if address.version == 4 else ipv6
        return str(ipaddress.ip_network((address, prefix), strict=False))
