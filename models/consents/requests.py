"""What a partner asks a holder for, judged before anybody is looked up: all faults together."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from models import nic_handles, scopes, texts
from models.consents.table import MAX_REASON, MAX_URL
from models.errors import Fault, FaultCode, InvalidInputError
from models.partners import Access
from models.scopes import Scope

# Less than a URL may be: nothing that browsers and we could read as two different hosts.
_URL = re.compile(
    r"(https?)://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?(?:[/?#][!#-;=?-\[\]_a-z~]*)?",
    re.ASCII | re.IGNORECASE,
)
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request without faults: `nic_handle` in canonical form, each scope once."""

    nic_handle: str
    scopes: list[Scope]
    reason: str
    redirect_url: str | None


def judge(
    access: Access, nic_handle: str, words: Sequence[str], reason: str, redirect_url: str | None
) -> Asked:
    """Read a request. Raises InvalidInputError with every fault of it."""
    faults: list[Fault] = []
    known = nic_handles.parse(nic_handle)
    if known is None:  # which everybody can see
        faults.append(Fault("nicHandle", FaultCode.INVALID))
    wanted = scopes.parse(list(words))
    if not words:
        faults.append(Fault("scopes", FaultCode.REQUIRED))
    elif wanted is None or not access.scopes.issuperset(wanted):
        faults.append(Fault("scopes", FaultCode.INVALID))
    reason = texts.judge("reason", reason, longest=MAX_REASON, faults=faults)
    if redirect_url is not None and len(redirect_url) > MAX_URL:
        faults.append(Fault("redirectUrl", FaultCode.TOO_LONG, MAX_URL))
    elif redirect_url is not None and not _is_registered(access, redirect_url):
        faults.append(Fault("redirectUrl", FaultCode.INVALID))
    if faults or known is None or wanted is None:
        raise InvalidInputError(faults)
    return Asked(known, wanted, reason, redirect_url)


def origin(url: str) -> str | None:
    """Return the origin of an address to send a holder to; None when it must not be one.

    That is https, or http on the machine of the browser itself.
    """
    if len(url) > MAX_URL or not _URL.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = parts.hostname or ""
    if not host or (parts.scheme == "http" and not _is_loopback(host)):
        return None
    shown = f"[{host}]" if ":" in host else host
    is_said = port in {None, _DEFAULT_PORTS[parts.scheme]}
    return f"{parts.scheme}://{shown}" + ("" if is_said else f":{port}")


def _is_registered(access: Access, url: str) -> bool:
    found = origin(url)
    return found is not None and found in {origin(it) for it in access.partner.origins}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
