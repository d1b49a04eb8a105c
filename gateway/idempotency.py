"""Idempotency-Key: a mutation under a key is done once, and answered alike each time.

All of it runs in one transaction, which begins by claiming the key and ends by storing the answer:
what was done and what was answered are there together or not at all, whatever dies when. Who comes
second waits for the first. What did nothing leaves the key as it was.
"""

import asyncio
import hashlib
import re
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import orjson
from graphql import ExecutionResult
from starlette.responses import Response

from gateway.incoming import Incoming
from gateway.over_http import RequestError, rate_limited, unavailable
from models import durations, idempotency, transactions
from models.database import is_deadlock
from models.errors import OverloadedError
from models.idempotency import Claim, OtherBodyError, UnreadableError
from schema.context import Context
from schema.operations import Operation
from schema.sensitive_mutations import ALONE, SENSITIVE

HEADER = b"idempotency-key"
REPLAYED = (b"idempotent-replayed", b"true")
# Bytes. What is longer is given once: to undo it would let a password be tried without a trace.
MAX_ANSWER = 256 * 1024
_KEY = re.compile(r"[!-~]{1,255}")
_PATIENCE = 5.0  # seconds that a mutation waits for room


class _NothingDoneError(Exception):
    """The answer tells of nothing that was done: the key is as good as new."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


@dataclass(frozen=True, slots=True)
class Call:
    """One mutation of one caller: how it is executed, and how its result becomes an answer."""

    operation: Operation
    context: Context
    kind: str
    credential: str
    execute: Callable[[], Awaitable[ExecutionResult]]
    shown: Callable[[ExecutionResult], Response]


class Once:
    """What does things once, for one process.

    Each holds a connection until it has its answer, those with passwords while they are hashed: so
    they may have half of the pool, and half of that, and never keep others from the database.
    """

    def __init__(
        self, *, secrets: Sequence[bytes], pool_size: int, wake_workers: Callable[[], None]
    ) -> None:
        self._secrets = secrets
        self._wake_workers = wake_workers
        room = max(1, pool_size // 2)
        self._room = asyncio.Semaphore(room)
        self._room_to_hash = asyncio.Semaphore(max(1, room // 2))

    async def answer(self, request: Incoming, call: Call) -> Response:
        """Do what is asked for the first time, else answer as then. Raises RequestError."""
        claim = _claim(request, call)
        roots = [name for name in call.operation.roots() if not name.startswith("__")]
        _require_alone(roots)
        await _charge(call.context)
        try:
            async with durations.postponed(), self._taken(to_hash=not SENSITIVE.isdisjoint(roots)):
                return await self._done(claim, call)
        except _NothingDoneError as nothing:
            return nothing.response
        except OtherBodyError:
            sentence = "This Idempotency-Key was used for another request; take a new one."
            raise RequestError(422, sentence) from None
        except UnreadableError:
            sentence = "What this Idempotency-Key was for is done; its answer was not kept."
            raise RequestError(409, sentence) from None

    async def _done(self, claim: Claim, call: Call) -> Response:
        # Workers that look before the commit see nothing, and are late.
        call.context.wake_workers = _later
        async with transactions.around() as whole:
            kept = await idempotency.claim(claim, self._secrets)
            if kept is not None:
                return _unpacked(kept)
            result = await call.execute()
            if any(is_deadlock(error.original_error) for error in result.errors or []):
                raise unavailable()
            response = call.shown(result)
            if not whole.kept and all(it is None for it in (result.data or {}).values()):
                raise _NothingDoneError(response)
            if len(response.body) <= MAX_ANSWER:
                await idempotency.keep(claim, _packed(response), self._secrets)
        self._wake_workers()
        return response

    @asynccontextmanager
    async def _taken(self, *, to_hash: bool) -> AsyncIterator[None]:
        """Take room for one, and wait for it if there is none. Raises TimeoutError."""
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(_PATIENCE):
                if to_hash:
                    await stack.enter_async_context(self._room_to_hash)
                await stack.enter_async_context(self._room)
            yield


def _later() -> None:
    """Wake nobody yet."""


def _claim(request: Incoming, call: Call) -> Claim:
    given = request.every(HEADER)
    if len(given) != 1 or not _KEY.fullmatch(given[0]):
        sentence = "Idempotency-Key must be 1 to 255 visible ASCII characters, given once."
        raise RequestError(400, sentence)
    caller = f"token:{call.credential}" if call.credential else "anonymous"
    if call.context.partner is not None:  # whichever of its keys it uses
        caller = f"partner:{call.context.partner.partner.id}"
    asked = hashlib.sha256(call.kind.encode() + b"\n" + request.raw).digest()
    return Claim(caller, given[0], asked)


def _require_alone(roots: Sequence[str]) -> None:
    """Raise RequestError when a mutation that must stand alone has others beside it.

    They would hold what it has locked for as long as they last; how long a second request waits for
    that tells whether there is an account.
    """
    if len(roots) > 1 and not ALONE.isdisjoint(roots):
        one = next(name for name in roots if name in ALONE)
        raise RequestError(400, f"Under an Idempotency-Key {one} stands alone.")


async def _charge(context: Context) -> None:
    """Bound how many rows a stranger leaves; partners have a budget of their own."""
    if context.partner is None:
        try:
            await context.budgets.spend("key")
        except OverloadedError as overloaded:
            raise rate_limited(overloaded.retry_after, context.language) from None


def _packed(response: Response) -> bytes:
    headers = [(name.decode("latin-1"), it.decode("latin-1")) for name, it in response.raw_headers]
    head = orjson.dumps({"status": response.status_code, "headers": headers})
    return zlib.compress(head + b"\n" + bytes(response.body))


def _unpacked(kept: bytes) -> Response:
    head, _, body = zlib.decompress(kept).partition(b"\n")
    known = orjson.loads(head)
    response = Response(body, known["status"])
    headers = [(name.encode("latin-1"), it.encode("latin-1")) for name, it in known["headers"]]
    response.raw_headers = [*headers, REPLAYED]
    return response
