"""Idempotency keys: the first answer to what a client asked under a key, kept for a day.

claimed ── answered, in the same transaction ──▶ kept ── 24 hours ──▶ gone

The answer is encrypted under the server's secret and the client's key together; the key itself is
known here by a digest only. So whoever reads the table, or knows the secret too, reads no answer.
"""

import hashlib
import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tortoise import fields
from tortoise.models import Model

from models import clock, statements

LIFETIME = timedelta(hours=24)
_NONCE = 12  # bytes, random: a key of AES is used for a handful of answers
_LIFETIME = f"interval '{LIFETIME.total_seconds():.0f} seconds'"
# Waits for whoever has claimed the same and not committed yet. A row that is too old is taken over.
_CLAIM = (
    "INSERT INTO idempotency_keys (digest, body_digest, created_at)"  # noqa: S608
    " VALUES ($1, $2, clock_timestamp()) ON CONFLICT (digest) DO UPDATE"
    " SET body_digest = excluded.body_digest, answer = NULL, created_at = excluded.created_at"
    f" WHERE idempotency_keys.created_at < clock_timestamp() - {_LIFETIME} RETURNING digest"
)


class OtherBodyError(Exception):
    """The key was used for something else."""


class UnreadableError(Exception):
    """It was done, and its answer was not kept, or under a secret that is no longer ours."""


class IdempotencyKey(Model):
    """What was asked under a key, and its answer; `digest` is of the caller and the key.

    `answer` is None until it is known, and for good when it was too long to be kept.
    """

    digest = fields.CharField(max_length=64, primary_key=True)
    body_digest = fields.BinaryField()
    answer = fields.BinaryField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "idempotency_keys"


@dataclass(frozen=True, slots=True)
class Claim:
    """What one caller asks under one key; another caller's same key is another."""

    caller: str = field(repr=False)
    key: str = field(repr=False)
    body_digest: bytes

    @property
    def name(self) -> bytes:
        """The caller and the key, at a length that leaves no doubt where one ends."""
        return hashlib.sha256(self.caller.encode("utf-8", "surrogatepass")).digest() + (
            self.key.encode()
        )

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.name).hexdigest()

    def seal(self, answer: bytes, secret: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher(secret).encrypt(nonce, answer, self.body_digest)

    def unseal(self, sealed: bytes, secrets: Sequence[bytes]) -> bytes:
        """Decrypt by whichever secret it was sealed under. Raises UnreadableError."""
        nonce, text = sealed[:_NONCE], sealed[_NONCE:]
        for secret in secrets:
            try:
                return self._cipher(secret).decrypt(nonce, text, self.body_digest)
            except InvalidTag:
                continue
        raise UnreadableError

    def _cipher(self, secret: bytes) -> AESGCM:
        return AESGCM(hmac.digest(secret, b"idempotency key:" + self.name, hashlib.sha256))


async def claim(asked: Claim, secrets: Sequence[bytes]) -> bytes | None:
    """Claim a key within the caller's transaction, or return the answer that was kept for it.

    Who claims what another transaction has claimed waits for its end. Raises OtherBodyError,
    UnreadableError.
    """
    if await statements.rows(_CLAIM, asked.digest, asked.body_digest):
        return None
    (kept,) = await statements.rows(
        "SELECT body_digest, answer FROM idempotency_keys WHERE digest = $1", asked.digest
    )
    if kept["body_digest"] != asked.body_digest:
        raise OtherBodyError
    if kept["answer"] is None:
        raise UnreadableError
    return asked.unseal(kept["answer"], secrets)


async def keep(asked: Claim, answer: bytes, secrets: Sequence[bytes]) -> None:
    """Store the answer to what was claimed, within the same transaction."""
    await statements.rows(
        "UPDATE idempotency_keys SET answer = $2 WHERE digest = $1",
        asked.digest,
        asked.seal(answer, secrets[0]),
    )


async def remove_expired() -> None:
    """Forget what is too old to be answered from."""
    await IdempotencyKey.filter(created_at__lt=await clock.now() - LIFETIME).delete()
