"""A million customers by COPY: numbers 0 to 999,999, the first 100,000 of them signed in.

Customer 42 is nb000042-OVH, has the address customer000042@example.org, the password of the
factories and, if signed in, the token bench-42.
"""

import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import asyncpg
import factories
from tortoise.connection import get_connection

from models import credentials, database, statements, tokens
from models.accounts import Account
from models.email_changes import EmailChange
from models.mails import Mail
from models.sessions import Session
from models.settings import DatabaseSettings

SESSIONS = 100_000
READERS = 2_000  # customers with a page of mails
PAGE = 50
PENDING = 10_000
_LINES_AT_ONCE = 5_000
_PROFILE = {
    "organisation": "Example SARL",
    "phone": "+33320123456",
    "address.line": "2 rue Kellermann",
    "address.zip": "59100",
    "address.city": "Roubaix",
}


def handle(number: int) -> str:
    return f"nb{number:06d}-OVH"


async def build(settings: DatabaseSettings, accounts: int, *, cost: int) -> None:
    """Fill an empty database; what is copied was made by the operations once."""
    async with database.opened(settings):
        opened = await factories.signed_up("model@example.org", **_PROFILE)
        await factories.requested_change(opened, "other@example.org")
        account = await Account.get(id=opened.account.id)
        account.password_hash = await credentials.hashed(factories.PASSWORD, cost=cost)
        await account.save(update_fields=["password_hash"])
        await _copy_all(account, accounts)
        await _forget_model(account)
        await get_connection("default").execute_script("VACUUM ANALYZE")


async def _copy_all(account: Account, accounts: int) -> None:
    signed_in, readers = min(SESSIONS, accounts), min(READERS, accounts)
    session = await Session.get(account_id=account.id)
    change = await EmailChange.get(account_id=account.id)
    mail = await Mail.get(email_change_id=change.id, template="email_change_validation")
    now = datetime.now(UTC)
    sent = {"state": "SENT", "secrets": None, "settled_at": now, "sent_at": now}
    sent |= {"subject": "Your account", "text": "A line of this mail. " * 30}
    async with get_connection("default").acquire_connection() as connection:
        copy = _Copy(connection)
        await copy.handles(accounts)
        await copy.clones(account, range(accounts), _account)
        await copy.clones(session, range(signed_in), _session)
        await copy.clones(mail, range(readers * PAGE), _mail, email_change_id=None, **sent)
        later = {"session_id": None, "auto_accept_at": now + timedelta(days=30)}
        await copy.clones(change, range(min(PENDING, accounts)), _change, **later)


async def _forget_model(account: Account) -> None:
    """Only the copies stay: the account of which they were made may be looked for by nobody."""
    await statements.rows(
        "UPDATE mails SET state = 'ABANDONED', secrets = NULL,"
        " settled_at = clock_timestamp(), claimed_at = NULL"
        " WHERE account_id = $1 AND state = 'QUEUED'",
        account.id,
    )


def _account(number: int) -> dict[str, object]:
    email = f"customer{number:06d}@example.org"
    addresses = ("email", "email_key", "last_proven_email", "last_proven_email_key")
    return {"id": _id("account", number), "nic_handle": handle(number)} | dict.fromkeys(
        addresses, email
    )


def _session(number: int) -> dict[str, object]:
    return {
        "id": _id("session", number),
        "account_id": _id("account", number),
        "device_id": r"\N",
        "token_digest": rf"\\x{tokens.digest(f'bench-{number}').hex()}",
    }


def _mail(number: int) -> dict[str, object]:
    return {"id": _id("mail", number), "account_id": _id("account", number // PAGE)}


def _change(number: int) -> dict[str, object]:
    email = f"moved{number:06d}@example.org"
    own = {"id": _id("change", number), "account_id": _id("account", number)}
    return own | {"new_email": email, "new_email_key": email}


def _id(kind: str, number: int) -> str:
    return hashlib.md5(f"{kind}{number}".encode(), usedforsecurity=False).hexdigest()


class _Copy:
    """COPY into one table after the other."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def handles(self, count: int) -> None:
        now = datetime.now(UTC).isoformat()
        lines = (f"{handle(number)}\t{now}" for number in range(count))
        await self._lines("nic_handles", ["handle", "allocated_at"], lines)

    async def clones(
        self,
        row: Account | Session | Mail | EmailChange,
        numbers: range,
        of: Callable[[int], dict[str, object]],
        **same: object,
    ) -> None:
        """Copy a row once for each number, with the columns that `of` makes of it."""
        columns = list(row._meta.fields_db_projection)
        listed = ", ".join(f"{name}::text" for name in columns)
        found = await self._connection.fetchrow(
            f"SELECT {listed} FROM {row._meta.db_table} WHERE id = $1", row.id
        )
        fixed = dict(zip(columns, found.values(), strict=True)) | same
        own = of(0)
        line = "\t".join(
            f"{{{name}}}" if name in own else _escaped(fixed[name]) for name in columns
        )
        await self._lines(
            row._meta.db_table, columns, (line.format(**of(number)) for number in numbers)
        )

    async def _lines(self, table: str, columns: list[str], lines: Iterable[str]) -> None:
        await self._connection.copy_to_table(table, source=_bytes(lines), columns=columns)


def _escaped(value: object) -> str:
    """Write a value as COPY reads it, within a text that `format` reads first."""
    if value is None:
        return r"\N"
    text = str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
    return text.replace("{", "{{").replace("}", "}}")


async def _bytes(lines: Iterable[str]) -> AsyncIterator[bytes]:
    for some in _batched(lines, _LINES_AT_ONCE):
        yield ("\n".join(some) + "\n").encode()


def _batched(lines: Iterable[str], size: int) -> Iterator[list[str]]:
    left = iter(lines)
    while some := list(islice(left, size)):
        yield some
