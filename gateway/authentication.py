"""Who is calling: cookie or bearer token to session to account; from where, in which language."""

import ipaddress
import re
import socket
from collections.abc import Collection
from datetime import timedelta
from functools import lru_cache

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from models import sessions
from models.clients import Client
from models.policy import DEVICE_LIFETIME, SESSION_LIFETIME
from models.profiles import Language
from models.sessions import Session


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

    async def session(self, request: Request) -> Session | None:
        """Return the open session of the request; a bearer token counts before a cookie."""
        token = self._bearer(request.headers)
        if token is None:
            token = request.cookies.get(self.cookie)
        return await sessions.find(token) if token else None

    def is_foreign(self, request: Request) -> bool:
        """Whether another site's page rides on the session cookie of a browser.

        Origin and Sec-Fetch-Site tell; without either it is no browser that would hide them.
        """
        if self._bearer(request.headers) is not None or self.cookie not in request.cookies:
            return False
        origin = request.headers.get("origin")
        if origin in self.friends:
            return False
        # A proxy that ends TLS leaves the host as it is, but not the scheme.
        host = request.headers.get("host", "").lower()
        own = {self.origin, f"https://{host}", *([] if self.secure else [f"http://{host}"])}
        if origin is not None and origin not in own:
            return True
        return request.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}

    def is_bearer(self, request: Request) -> bool:
        return self._bearer(request.headers) is not None

    def client(self, request: Request) -> Client:
        return Client(
            self._address(request),
            request.headers.get("user-agent", ""),
            request.cookies.get(self.device_cookie, ""),
        )

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

    def _bearer(self, headers: Headers) -> str | None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else None

    def _address(self, request: Request) -> str:
        peer = request.client.host if request.client else ""
        entry = peer
        if self.trusted_proxies:
            forwarded = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
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


def _is_ipv4(text: str) -> bool:
    """Whether it is an address already written as everybody writes it; most are."""
    try:
        return socket.inet_ntop(socket.AF_INET, socket.inet_pton(socket.AF_INET, text)) == text
    except (OSError, ValueError):
        return False


def language_of(request: Request) -> Language | None:
    """Return the language of Accept-Language that we speak and the browser likes best."""
    offers = request.headers.get("accept-language")
    return _liked_best(offers) if offers else None


@lru_cache(maxsize=256)
def _liked_best(offers: str) -> Language | None:
    liked: dict[Language, float] = {}
    for offer in offers.split(","):
        tag, _, parameter = offer.strip().partition(";")
        weight = re.fullmatch(r"\s*q=([01](?:\.[0-9]{0,3})?)\s*", parameter)
        language = Language.__members__.get(tag[:2].upper())
        if language and (weight or not parameter):
            liked.setdefault(language, float(weight[1]) if weight else 1.0)
    best = max(liked, key=lambda language: liked[language], default=None)
    return best if best and liked[best] > 0 else None
