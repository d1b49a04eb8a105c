"""Opaque secrets of links and sessions: a token and its digest are born together."""

import hashlib
import secrets


def issue() -> tuple[str, bytes]:
    """Make a token of 256 random bits, URL-safe, and the SHA-256 digest that is stored of it."""
    token = secrets.token_urlsafe(32)
    return token, digest(token)


def digest(token: str) -> bytes:
    # A token is random, so a plain hash is enough; lone surrogates must not raise.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
