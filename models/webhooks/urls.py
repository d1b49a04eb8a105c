"""The URL of a webhook, as far as it can be judged without asking anybody."""

import re
from urllib.parse import urlsplit

from models.errors import Fault, FaultCode
from models.webhooks import addresses
from models.webhooks.table import MAX_URL

# What RFC 3986 lets stand in a URL; other letters are written in their ASCII form.
_URL = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")


def fault(url: str, *, loopback: bool) -> Fault | None:
    """Say what is wrong with a URL. Names are resolved, and judged, when something is sent."""
    if not url.strip():
        return Fault("url", FaultCode.REQUIRED)
    if len(url) > MAX_URL:
        return Fault("url", FaultCode.TOO_LONG, MAX_URL)
    if not (_URL.fullmatch(url) and _is_ours_to_call(url, loopback=loopback)):
        return Fault("url", FaultCode.INVALID)
    return None


def _is_ours_to_call(url: str, *, loopback: bool) -> bool:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    plain = parts.scheme == "http" and loopback
    if not (parts.scheme == "https" or plain) or not host or port == 0:
        return False
    if "@" in parts.netloc or "#" in url:
        return False
    try:
        return addresses.is_allowed(host, loopback=loopback)
    except ValueError:  # a name
        return True
