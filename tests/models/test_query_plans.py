"""The statements that every request and every second bring go by an index, however many rows."""

import asyncio
import hashlib
from datetime import timedelta
from uuid import UUID

import factories
import orjson
import pytest
from benchmarks import crowd
from tortoise.backends.asyncpg.client import AsyncpgDBClient
from tortoise.connection import get_connection

from models import (
    consents,
    database,
    email_changes,
    events,
    mails,
    pages,
    sessions,
    tokens,
    webhooks,
)
from models.accounts import Account
from models.consents.views import FIND as SEEN
from models.events import PartnerEvent
from models.mails import Mail
from models.sessions.table import FIND

CUSTOMERS = 3000
AHEAD = timedelta(seconds=5)  # as the relay looks
# Every customer has let a partner in, and had not answered in time before.
CONSENTS = """
INSERT INTO consents
  SELECT gen_random_uuid(), p.id, a.id, a.nic_handle, known, '["account:read"]', 'To show.', NULL,
    now() - interval '8 days', now() - interval '1 day',
    now() - CASE known WHEN 'GRANTED' THEN interval '2 days' ELSE interval '1 hour' END
  FROM accounts a, partners p, unnest(ARRAY['GRANTED', 'EXPIRED']) known;
ANALYZE consents;
"""
# 40 partners with five webhooks each; all were told of 200 events, and one of 5,000 more.
_TOLD = """
INSERT INTO partners (id, name, first_party, scopes, origins, created_at)
  SELECT md5('partner' || n)::uuid, 'Partner ' || n, true, '["account:read"]', '[]', now()
  FROM generate_series(1, 40) n;
INSERT INTO webhooks (id, partner_id, place, url, types, state, secret, created_at)
  SELECT md5('webhook' || n || '.' || place)::uuid, md5('partner' || n)::uuid, place,
    'https://hooks.example.org', '[]', 'ENABLED', '', now()
  FROM generate_series(1, 40) n, generate_series(1, 5) place;
INSERT INTO events (id, type, at, nic_handle, published_at)
  SELECT md5('event' || n)::uuid, 'account.frozen', now() - n * interval '1 s', 'xx000000-OVH',
    now() FROM generate_series(1, 5200) n;
INSERT INTO partner_events (partner_id, number, event_id)
  SELECT md5('partner' || n)::uuid, e, md5('event' || e)::uuid
  FROM generate_series(1, 40) n, generate_series(1, 5200) e WHERE e <= 200 OR n = 1;
INSERT INTO webhook_deliveries
    (id, webhook_id, event_id, state, attempts, queued_at, due_at, settled_at)
  SELECT gen_random_uuid(), w.id, p.event_id, 'DELIVERED', 1, now() - p.number * interval '1 s',
    now(), now()
  FROM webhooks w JOIN partner_events p ON p.partner_id = w.partner_id;
UPDATE webhook_deliveries SET state = 'QUEUED', settled_at = NULL
  WHERE webhook_id = md5('webhook1.1')::uuid;
VACUUM ANALYZE
"""


@pytest.fixture(scope="module")
def crowd_there(make_database):
    """A database with customers, sessions, mails and pending changes by the thousand."""
    settings = make_database()
    asyncio.run(crowd.build(settings, CUSTOMERS, cost=4))
    return settings


@pytest.fixture(scope="module")
def partners_there(make_database):
    """A database with partners by the dozen, told of much; 5,200 deliveries wait for a webhook."""
    settings = make_database()

    async def build():
        async with database.opened(settings):
            await factories.signed_up("alice@example.org")
            await events.publish(policy=factories.POLICY)
            for statement in _TOLD.split(";"):
                await get_connection("default").execute_script(statement)

    asyncio.run(build())
    return settings


@pytest.fixture
def asked(monkeypatch):
    """What is asked of PostgreSQL: statements and their values."""
    asked = []
    stock = AsyncpgDBClient.execute_query_dict, AsyncpgDBClient.execute_query

    def noted(run):
        async def noting(self, query, values=None):
            asked.append((query, values or []))
            return await run(self, query, values)

        return noting

    monkeypatch.setattr(AsyncpgDBClient, "execute_query_dict", noted(stock[0]))
    monkeypatch.setattr(AsyncpgDBClient, "execute_query", noted(stock[1]))
    return asked


@pytest.fixture
async def crowded(crowd_there, asked):
    """The customers, to be read; yield what is asked there."""
    async with database.opened(crowd_there):
        yield asked


@pytest.fixture
async def crowded_copy(databases, crowd_there, asked):
    """A copy of the customers, to be written to; yield what is asked there."""
    async with database.opened(await databases.make(crowd_there)):
        yield asked


@pytest.fixture
async def told(partners_there, asked):
    """The partners, to be read; yield what is asked there."""
    async with database.opened(partners_there):
        yield asked


@pytest.fixture
async def told_copy(databases, partners_there, asked):
    """A copy of the partners, to be written to; yield what is asked there."""
    async with database.opened(await databases.make(partners_there)):
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


async def test_looks_through_no_consents(crowded_copy):
    """Neither for the one of a partner and an account, nor for those that expire soon."""
    access = await factories.admitted(await factories.partner())
    await get_connection("default").execute_script(CONSENTS)
    view = await consents.seen(access, crowd.handle(7))
    crowded_copy.clear()
    await consents.due(within=AHEAD, limit=500)

    ((query, values),) = crowded_copy
    seen = await plan_of(SEEN, [crowd.handle(7), access.partner.id, False])
    assert view.account.nic_handle == crowd.handle(7)
    assert sorted(seen) == ["accounts_nic_handle_key", "consents_one_granted"]
    assert await plan_of(query, values) == ["consents_due"]
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


def by_hash(name):
    return UUID(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest())


async def test_finds_a_few_deliveries_of_each_webhook(told):
    """Every second: what waits for one webhook is not read to find what waits for the others."""
    found = await webhooks.due(within=AHEAD, limit=500)

    ((query, values),) = told
    plan = set(await plan_of(query, values))
    assert len(found) == 10
    assert plan - {"all of webhooks", "all of partners", "partners_pkey"} == {
        "webhook_deliveries_due",
        "webhook_deliveries_under_way",
    }
    # PostgreSQL 15 reads all that waits for one webhook; later ones stop after a few.
    assert await rows_read_of(query, values) < (1000 if await server_version() >= 16 else 6000)


async def test_sees_that_nothing_is_unpublished(told):
    """Every second, and whenever a partner asks."""
    await events.publish(policy=factories.POLICY)

    ((query, values),) = told
    assert await plan_of(query, values) == ["events_unpublished"]
    assert await entries_read(query, values) == 0


async def test_publishes_without_reading_what_was_told(told_copy):
    """The next number of each partner is found at the end of its list."""
    account = await Account.get(email="alice@example.org")
    told_copy.clear()
    await factories.told(account)

    query, values = next(it for it in told_copy if "INSERT INTO partner_events" in it[0])
    plan = await plan_of(query, values)
    read = {name for name in plan if name.startswith("all of")}
    assert read <= {"all of partners", "all of webhooks", "all of consents"}
    assert "partner_events_number_once" in plan
    assert await PartnerEvent.all().count() == 5000 + 40 * 200 + 40


async def test_reads_a_page_of_events_by_their_number(told):
    """A partner far behind reads on from where it is."""
    first = await events.page(by_hash("partner1"), first=100, after=None, policy=factories.POLICY)
    told.clear()
    await events.page(
        by_hash("partner1"), first=50, after=pages.cursor(first.rows[-1]), policy=factories.POLICY
    )

    (_, (cursor, its), (query, values)) = told
    assert await plan_of(cursor, its) == ["partner_events_told_once"]
    assert sorted(await plan_of(query, values)) == ["events_id_key", "partner_events_number_once"]


async def test_reads_a_page_of_deliveries_by_its_index(told):
    """A page costs a page, whatever the others have."""
    page = await webhooks.deliveries(by_hash("webhook2.3"), first=50, after=None)

    query, values = told[0]
    assert len(page.rows) == 50
    assert await plan_of(query, values) == ["webhook_deliveries_by_webhook"]


async def server_version():
    async with get_connection("default").acquire_connection() as connection:
        return connection.get_server_version().major


async def rows_read_of(query, values):
    """How many rows the scans of a plan have found or thrown away."""
    async with get_connection("default").acquire_connection() as connection:
        text = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", *values)
    waiting, total = [orjson.loads(text)[0]["Plan"]], 0
    while waiting:
        node = waiting.pop()
        waiting += node.get("Plans", [])
        if "Scan" in node["Node Type"]:
            rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
            total += rows * node["Actual Loops"]
    return total
