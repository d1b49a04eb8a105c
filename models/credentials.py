"""Passwords: bcrypt and the strength estimator, off the event loop, behind a bounded queue."""

import asyncio
import os
import re
import sys
import threading
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import bcrypt
from zxcvbn_rs_py import zxcvbn

from models.errors import DomainError, Fault, FaultCode, OverloadedError

T = TypeVar("T")

MIN_CHARACTERS = 12
MAX_BYTES = 72  # bcrypt reads no more; its library raises above
# No text of more characters has 72 bytes after NFC; normalising a long one takes seconds.
_LONGEST_TYPED = 4 * MAX_BYTES
_ENOUGH = 3  # of zxcvbn's 0-4: withstands an offline attack on a slow hash
_SEEN_BY_ESTIMATOR = 20  # its time grows with the cube of the length
_LOWEST_COST = 4  # that bcrypt knows
_sharing = 1
_WAITING_PER_THREAD = 16  # four seconds of waiting at cost 12


class InvalidCredentialsError(DomainError):
    """Unknown identifier, wrong password or an account that is not open; which is not said."""


async def faults_of(password: str, *, field: str, personal: Sequence[str]) -> list[Fault]:
    """Judge a new password; `personal` are the words that its holder's data would suggest.

    No composition rules (NIST SP 800-63B 3.1.1): length and an estimator decide. Raises
    OverloadedError.
    """
    if len(password) > _LONGEST_TYPED:
        return [Fault(field, FaultCode.TOO_LONG, MAX_BYTES)]
    normal = unicodedata.normalize("NFC", password)
    if len(normal) < MIN_CHARACTERS:
        return [Fault(field, FaultCode.TOO_SHORT, MIN_CHARACTERS)]
    secret = _encoded(normal)
    if secret is None:
        too_long = len(normal.encode("utf-8", "replace")) > MAX_BYTES
        return [
            Fault(field, FaultCode.TOO_LONG, MAX_BYTES)
            if too_long
            else Fault(field, FaultCode.INVALID)
        ]
    words = [part for text in personal for part in _words(text)]
    weakness = await _pool().run(_weakness, normal[:_SEEN_BY_ESTIMATOR], words)
    return [Fault(field, weakness)] if weakness else []


async def hashed(password: str, *, cost: int) -> str:
    """Hash a password that `faults_of` found nothing against. Raises OverloadedError."""
    secret = _encoded(password)
    if secret is None:
        raise ValueError("This password cannot be hashed.")
    return await _pool().run(_hash, secret, cost)


async def matches(password: str, password_hash: str | None, *, cost: int) -> bool:
    """Compare, in the time of `cost` whether the hash is of today, of a lower cost, or missing.

    Without one (an unknown account) the answer is no. A password that could never have been set is
    refused at once, whoever asks. Raises OverloadedError.
    """
    secret = _encoded(password)
    if secret is None:
        return False
    return await _pool().run(_check, secret, password_hash or _nobody(cost), cost)


def share_cores(processes: int) -> None:
    """Hash on this process's part of the cores; before anything is hashed."""
    global _sharing  # noqa: PLW0603
    _sharing = processes


def require_room() -> None:
    """Refuse at once what would have to hash and could not. Raises OverloadedError."""
    _pool().require_room()


def is_outdated(password_hash: str, *, cost: int) -> bool:
    """Whether the hash was made at a lower cost than today's."""
    return _cost(password_hash) < cost


def _encoded(password: str) -> bytes | None:
    if len(password) > _LONGEST_TYPED:
        return None
    try:
        secret = unicodedata.normalize("NFC", password).encode()
    except UnicodeEncodeError:
        return None
    return None if len(secret) > MAX_BYTES or b"\0" in secret else secret


def _nobody(cost: int) -> str:
    return f"$2b${cost:02d}${'nobodyhasthispassword'}u{'.' * 31}"


def _hash(secret: bytes, cost: int) -> str:
    return bcrypt.hashpw(secret, bcrypt.gensalt(cost)).decode()


def _check(secret: bytes, password_hash: str, cost: int) -> bool:
    try:
        matches, spent = bcrypt.checkpw(secret, password_hash.encode()), _cost(password_hash)
    except ValueError:  # no hash of bcrypt's: nobody's password
        matches, spent = False, _LOWEST_COST
    # A step of the cost doubles the work: 2^4 and 2^4, 2^5 ... 2^11 make 2^12.
    for rest in range(spent, cost):
        bcrypt.checkpw(secret, _nobody(rest).encode())
    return matches


def _cost(password_hash: str) -> int:
    return int(password_hash.split("$")[2])


def _words(text: str) -> list[str]:
    start = text[:100].encode("utf-8", "ignore").decode().strip()  # the estimator reads UTF-8
    parts = re.findall(r"\w{3,}", start)
    return [start[:_SEEN_BY_ESTIMATOR], start.partition("@")[0], *parts, "".join(parts)]


def _weakness(start: str, personal: list[str]) -> FaultCode | None:
    if int(zxcvbn(start).score) < _ENOUGH:
        return FaultCode.TOO_COMMON
    return FaultCode.TOO_SIMILAR if int(zxcvbn(start, personal).score) < _ENOUGH else None


def _niced() -> None:
    # Linux nices a single thread; elsewhere it would be the whole process.
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


class _HashingPool:
    """Threads at low priority behind a bounded queue: a flood of logins delays logins alone."""

    def __init__(self, threads: int) -> None:
        self._executor = ThreadPoolExecutor(threads, "hashing", initializer=_niced)
        self._room = threads * (1 + _WAITING_PER_THREAD)

    async def run(self, work: Callable[..., T], *args: object) -> T:
        """Run `work` in a thread. Raises OverloadedError when the queue is full."""
        self.require_room()
        self._room -= 1
        future = asyncio.get_running_loop().run_in_executor(self._executor, work, *args)
        future.add_done_callback(self._make_room)
        return await asyncio.shield(future)

    def require_room(self) -> None:
        if self._room <= 0:
            raise OverloadedError(retry_after=5)

    def _make_room(self, future: asyncio.Future[T]) -> None:
        self._room += 1
        if not future.cancelled():
            future.exception()  # looked at, in case the one who waited has gone


@cache
def _pool() -> _HashingPool:
    return _HashingPool(max(1, (os.cpu_count() or 1) // _sharing))
