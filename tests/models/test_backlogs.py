"""What waits costs the others nothing: each row is found by its own key, however long the queue."""

import pytest
import world
from factories import POLICY
from tortoise.connection import get_connection

from models import database, email_changes, mails, statements
from models.email_changes import EmailChange
from models.mails import Mail

BACKLOG = 2000
FIRST = 10  # after five executions PostgreSQL keeps a plan

# Mails of long ago, and then as many that wait.
_HISTORY = """
INSERT INTO mails
  SELECT (jsonb_populate_record(m, jsonb_build_object('id', gen_random_uuid(), 'state', 'SENT',
    'secrets', null, 'settled_at', now(), 'sent_at', now()))).*
  FROM mails m, generate_series(1, {count}) WHERE m.id = (SELECT id FROM mails LIMIT 1);
DELETE FROM mails WHERE state = 'QUEUED';
ANALYZE
"""
_QUEUE = """
INSERT INTO mails
  SELECT (jsonb_populate_record(m, jsonb_build_object('id', gen_random_uuid(),
    'due_at', now(), 'claimed_at', null))).*
  FROM mails m, generate_series(1, {count})
  WHERE m.id = (SELECT id FROM mails WHERE state = 'QUEUED' LIMIT 1)
"""


@pytest.fixture
def aside(make_database):
    """A database of one's own, with one connection, which keeps its plans and its statistics."""
    return make_database().model_copy(update={"pool_size": 1})


@pytest.fixture
async def crowd(aside):
    """Customers with a change each, seen by PostgreSQL's statistics when no mail waited."""
    async with database.opened(aside):
        await world.waiting(BACKLOG)
        await statements.rows("UPDATE email_changes SET auto_accept_at = now()")
        await accept(1)
        await get_connection("default").execute_script(_HISTORY.format(count=BACKLOG))
        yield


async def rows_read():
    """How many entries of the indexes of what waits, and rows of whole tables, were read so far."""
    await statements.rows("SELECT pg_stat_force_next_flush()")
    (found,) = await statements.rows(
        "SELECT (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes"
        " WHERE indexrelname IN ('mails_due', 'email_changes_due'))"
        " + (SELECT sum(seq_tup_read) FROM pg_stat_user_tables"
        " WHERE relname IN ('mails', 'email_changes', 'accounts')) AS n"
    )
    return found["n"]


async def accept(count):
    for change in await EmailChange.filter(state="PENDING").order_by("id").limit(count):
        await email_changes.auto_accept(change.id, policy=POLICY)


async def test_is_no_burden_for_what_is_done_one_by_one(crowd):
    """Plans made while nothing waited hold when an outage has left thousands."""
    await accept(FIRST)
    for mail in await Mail.filter(state="QUEUED"):
        await mails.claim(mail.id)
    await get_connection("default").execute_script(_QUEUE.format(count=BACKLOG))
    waiting = await Mail.filter(claimed_at=None, settled_at=None).limit(FIRST)
    overdue = await EmailChange.filter(state="PENDING").limit(FIRST)
    before = await rows_read()

    for mail, change in zip(waiting, overdue, strict=True):
        assert await mails.claim(mail.id)
        await email_changes.auto_accept(change.id, policy=POLICY)

    assert await rows_read() - before < BACKLOG
