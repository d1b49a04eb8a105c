"""The statements that every request and every second bring go by an index, however many rows."""

from datetime import timedelta

import orjson
import pytest
from benchmarks import crowd
from tortoise.backends.asyncpg.client import AsyncpgDBClient
from tortoise.connection import get_connection

from models import database, email_changes, mails, pages, sessions, tokens
from models.accounts import Account
from models.mails import Mail
from models.sessions.table import FIND

CUSTOMERS = 3000
AHEAD = timedelta(seconds=5)  # as the relay looks


@pytest.fixture
def aside(make_database):
    """A database of one's own: that many rows are not for others to delete."""
    return make_database()


@pytest.fixture
async def crowded(aside, monkeypatch):
    """Customers, sessions, mails and pending changes by the thousand; yield what is asked."""
    await crowd.build(aside, CUSTOMERS, cost=4)
    asked = []
    stock = AsyncpgDBClient.execute_query_dict, AsyncpgDBClient.execute_query

    def noted(run):
        async def noting(self, query, values=None):
            asked.append((query, values or []))
            return await run(self, query, values)

        return noting

    async with database.opened(aside):
        monkeypatch.setattr(AsyncpgDBClient, "execute_query_dict", noted(stock[0]))
        monkeypatch.setattr(AsyncpgDBClient, "execute_query", noted(stock[1]))
        yield asked


def scans(node):
    """The indexes that a plan reads, and the tables that it reads whole."""
    found = [node["Index Name"]] if "Index Name" in node else []
    found += [f"all of {node['Relation Name']}"] if node["Node Type"] == "Seq Scan" else []
    return found + [name for below in node.get("Plans", []) for name in scans(below)]


async def plan_of(query, values):
    async with get_connection("default").acquire_connection() as connection:
        text = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {query}", *values)
    return scans(orjson.loads(text)[0]["Plan"])


async def entries_read(query, values):
    """How many rows a plan throws away after it has read them."""
    async with get_connection("default").acquire_connection() as connection:
        text = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", *values)
    plan = orjson.loads(text)[0]["Plan"]
    while "Plans" in plan:
        (plan,) = plan["Plans"]
    return plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)


async def test_finds_a_session_and_its_account_by_their_keys(crowded):
    """One statement for each request, two entries of two indexes."""
    assert (await sessions.find("bench-7")).account.nic_handle == crowd.handle(7)

    plan = await plan_of(FIND, [tokens.digest("bench-7")])

    assert sorted(plan) == ["accounts_pkey", "sessions_token_digest_unique"]


@pytest.mark.parametrize(
    ("due", "index"), [(mails.due, "mails_due"), (email_changes.due, "email_changes_due")]
)
async def test_finds_what_is_due_by_its_instant(crowded, due, index):
    """The relay looks every second; what is sent or settled long ago is not looked at."""
    crowded.clear()
    await due(within=AHEAD, limit=500)

    ((query, values),) = crowded
    assert await plan_of(query, values) == [index]
    assert await entries_read(query, values) == 0


async def test_reads_a_page_of_mails_by_its_index(crowded):
    """A page of an account costs a page, whatever the others have."""
    account = await Account.get(nic_handle=crowd.handle(7))
    crowded.clear()
    page = await pages.page(
        Mail.filter(account_id=account.id), by="queued_at", first=50, after=None
    )

    ((query, values),) = crowded
    assert len(page.rows) == crowd.PAGE
    assert await plan_of(query, values) == ["mails_by_account"]
