"""Who is asking, as far as the network shows it."""

from dataclasses import dataclass

_BROWSERS = ("Edg", "OPR", "Firefox", "Chrome", "Safari", "curl")
_NAMES = {"Edg": "Edge", "OPR": "Opera"}
_SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Mac OS X", "Linux")


@dataclass(frozen=True, slots=True)
class Client:
    """The address and the browser of a request, as sessions and notices name them."""

    ip_address: str
    user_agent: str

    @property
    def browser(self) -> str:
        """Name what asks in known words; empty when there are none.

        A mail must not quote what a stranger may choose.
        """
        found = [_NAMES.get(name, name) for name in _BROWSERS if f"{name}/" in self.user_agent]
        systems = [name for name in _SYSTEMS if name in self.user_agent]
        return " / ".join([*found[:1], *systems[:1]])
