"""Who is calling: cookie or bearer token to session to account; from where, in which language."""

import ipaddress
import re
import socket
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from starlette.responses import Response

from gateway.incoming import Incoming
from gateway.limits import ClientBudgets, Limits
from gateway.over_http import RequestError
from models import partners
from models.clients import Client
from models.partners import Access
from models.policy import DEVICE_LIFETIME, SESSION_LIFETIME
from models.profiles import Language


class Authentication:
    """The rules of one deployment: its origin, its friends', how many proxies stand before it."""

    def __init__(self, *, origin: str, friends: Collection[str], trusted_proxies: int) -> None:
        self.origin = origin
        self.friends = friends
        self.trusted_proxies = trusted_proxies
        self.secure = origin.startswith("https://")
        # The prefix makes browsers refuse the cookie from any other host or without TLS.
        prefix = "__Host-" if self.secure else ""
        self.cookie, self.device_cookie = f"{prefix}nicgate_session", f"{prefix}nicgate_device"

    def credential(self, request: Incoming) -> str:
        """Return the token of the request, if it shows one; the header counts before the cookie."""
        token = request.bearer
        return (request.cookies.get(self.cookie) if token is None else token) or ""

    def shows_key(self, request: Incoming) -> bool:
        """Whether it is a partner who makes the request. Raises RequestError."""
        # Of two that differ, who stands before us may have looked at the other one.
        if len(request.every(b"authorization")) > 1:
            raise RequestError(400, "Send one Authorization header.")
        return _has_key(request)

    async def partner(self, request: Incoming) -> Access:
        """Return the partner whose key makes the request. Raises RequestError for a bad one."""
        try:
            return await partners.admit(request.bearer or "", self._address(request))
        except partners.InvalidKeyError:
            raise RequestError(
                401,
                "This is no key, or one that is not valid any more.",
                "UNAUTHENTICATED",
                www_authenticate="Bearer",
            ) from None
        except partners.ForeignNetworkError:
            sentence = "This key may not be used from this address."
            raise RequestError(403, sentence, "FORBIDDEN") from None

    def is_foreign(self, request: Incoming) -> bool:
        """Whether another site's page rides on the session cookie of a browser.

        Origin and Sec-Fetch-Site tell; without either it is no browser that would hide them.
        """
        if request.bearer is not None or self.cookie not in request.cookies:
            return False
        origin = request.header(b"origin")
        if origin in self.friends:
            return False
        # A proxy that ends TLS leaves the host as it is, but not the scheme.
        host = (request.header(b"host") or "").lower()
        own = {self.origin, f"https://{host}", *([] if self.secure else [f"http://{host}"])}
        if origin is not None and origin not in own:
            return True
        return request.header(b"sec-fetch-site") not in {"same-origin", "none", None}

    def client(self, request: Incoming) -> Client:
        """Return where a request comes from; beside a key no cookie is looked at."""
        device = "" if _has_key(request) else request.cookies.get(self.device_cookie, "")
        return Client(self._address(request), request.header(b"user-agent") or "", device)

    def set_cookie(self, response: Response, token: str) -> None:
        """Keep the token in the browser, or clear the cookie when it is empty."""
        self._set(response, self.cookie, token, SESSION_LIFETIME if token else timedelta(0))

    def set_device_cookie(self, response: Response, value: str) -> None:
        """Let the browser be known again."""
        self._set(response, self.device_cookie, value, DEVICE_LIFETIME)

    def _set(self, response: Response, name: str, value: str, lifetime: timedelta) -> None:
        response.set_cookie(
            name,
            value,
            max_age=int(lifetime.total_seconds()),
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="lax",
        )

    def _address(self, request: Incoming) -> str:
        peer: str = (request.scope.get("client") or ("",))[0]
        entry = peer
        if self.trusted_proxies:
            forwarded = ",".join(request.every(b"x-forwarded-for")).split(",")
            if self.trusted_proxies <= len(forwarded):
                entry = forwarded[-self.trusted_proxies].strip()
        for candidate in (entry, peer):
            if _is_ipv4(candidate):
                return candidate
            try:
                address = ipaddress.ip_address(candidate)
            except ValueError:
                continue
            if isinstance(address, ipaddress.IPv6Address):
                # Without the name of our own interface, which says nothing about the client.
                address = address.ipv4_mapped or ipaddress.IPv6Address(int(address))
            return str(address)
        return "0.0.0.0"  # noqa: S104 -- a Unix socket has no address


@dataclass(slots=True)
class Caller:
    """Where a request comes from, and what may be tried from there."""

    request: Incoming
    authentication: Authentication
    limits: Limits

    @property
    def client(self) -> Client:
        return self.authentication.client(self.request)

    @property
    def budgets(self) -> ClientBudgets:
        return self.limits.of(self.client)


def _has_key(request: Incoming) -> bool:
    return request.bearer is not None and request.bearer.startswith(partners.PREFIX)


def _is_ipv4(text: str) -> bool:
    """Whether it is an address already written as everybody writes it; most are."""
    try:
        return socket.inet_ntop(socket.AF_INET, socket.inet_pton(socket.AF_INET, text)) == text
    except (OSError, ValueError):
        return False


@lru_cache(maxsize=256)
def language_of(offers: str | None) -> Language | None:
    """Return the language of an Accept-Language that we speak and the browser likes best."""
    if not offers:
        return None
    liked: dict[Language, float] = {}
    for offer in offers.split(","):
        tag, _, parameter = offer.strip().partition(";")
        weight = re.fullmatch(r"\s*q=([01](?:\.[0-9]{0,3})?)\s*", parameter)
        language = Language.__members__.get(tag[:2].upper())
        if language and (weight or not parameter):
            liked.setdefault(language, float(weight[1]) if weight else 1.0)
    best = max(liked, key=lambda language: liked[language], default=None)
    return best if best and liked[best] > 0 else None
