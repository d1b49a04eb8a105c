"""The secrets of webhooks: shown once, sealed in the table, used to sign what is sent.

Signatures are those of the Standard Webhooks specification, 1.0.0.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PREFIX = "whsec_"
_BYTES = 32  # the specification has 24 to 64


class UnreadableSecretError(Exception):
    """The secret was sealed under a key that this process does not have."""


def new() -> str:
    """Make a secret, as partners and their libraries know it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def sealed(secret: str, keys: Sequence[bytes]) -> str:
    """Encrypt a secret under the first of the server's keys."""
    return _box(tuple(keys)).encrypt(secret.encode()).decode()


def opened(text: str, keys: Sequence[bytes]) -> str:
    """Decrypt a secret under whichever key it was sealed. Raises UnreadableSecretError."""
    try:
        return _box(tuple(keys)).decrypt(text.encode()).decode()
    except InvalidToken:
        raise UnreadableSecretError from None


def resealed(text: str, keys: Sequence[bytes]) -> str:
    """Return a sealed secret under the first key, as it is if it is already.

    Raises UnreadableSecretError.
    """
    try:
        opened(text, keys[:1])
    except UnreadableSecretError:
        return sealed(opened(text, keys), keys)
    return text


def signature(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """Sign a message as its receiver does."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(signed).decode()


@lru_cache(maxsize=8)
def _box(keys: tuple[bytes, ...]) -> MultiFernet:
    return MultiFernet([Fernet(_derived(key)) for key in keys])


def _derived(key: bytes) -> bytes:
    """Make a key for this use alone: codes are digested under the server's key itself."""
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"nicgate webhook secrets")
    return base64.urlsafe_b64encode(kdf.derive(key))
