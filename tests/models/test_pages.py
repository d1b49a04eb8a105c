"""Pages: every row once, newest first, whatever is added at the head meanwhile."""

import base64
from datetime import UTC, datetime, timedelta

import factories
import pytest

from models import mails, pages
from models.mails import Mail, Recipient, Template
from models.pages import BadPageError

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


async def write(account, *, minutes):
    for minute in minutes:
        await mails.queue(
            Template.ADDRESS_CLAIMED,
            Recipient.of(account),
            at=NOON + timedelta(minutes=minute),
            lifetime=timedelta(days=1),
        )


async def page(account, *, first=100, after=None):
    rows = Mail.filter(account_id=account.id)
    return await pages.page(rows, by="queued_at", first=first, after=after)


@pytest.fixture
async def reader(alices_account):
    """An account without mails."""
    await Mail.all().delete()
    return alices_account


async def test_shows_the_newest_first(reader):
    """The order is that of the instants, downwards."""
    await write(reader, minutes=[2, 0, 1])

    shown = await page(reader)

    assert [row.queued_at.minute for row in shown.rows] == [2, 1, 0]
    assert (shown.has_next, shown.has_previous) == (False, False)


async def test_shows_an_empty_list(reader):
    """No rows are a page, too."""
    shown = await page(reader)

    assert (list(shown.rows), shown.has_next, shown.has_previous) == ([], False, False)


@pytest.mark.parametrize("first", [1, 2, 3, 7])
async def test_shows_every_row_once(reader, first):
    """Walking from page to page meets each row once, even where instants are equal."""
    await write(reader, minutes=[0, 1, 1, 1, 1, 1, 2])
    seen, after = [], None

    while True:
        shown = await page(reader, first=first, after=after)
        seen += [row.id for row in shown.rows]
        if not shown.has_next:
            break
        after = pages.cursor(shown.rows[-1])

    assert len(seen) == 7
    assert set(seen) == set(await Mail.all().values_list("id", flat=True))


async def test_knows_what_is_on_either_side(reader):
    """Whether there is more is computed for the page that is shown."""
    await write(reader, minutes=range(5))
    first = await page(reader, first=2)

    second = await page(reader, first=2, after=pages.cursor(first.rows[-1]))
    last = await page(reader, first=2, after=pages.cursor(second.rows[-1]))
    none = await page(reader, first=2, after=pages.cursor(last.rows[-1]))

    sides = [(shown.has_previous, shown.has_next) for shown in (first, second, last, none)]
    assert sides == [(False, True), (True, True), (True, False), (True, False)]
    assert list(none.rows) == []


async def test_stays_where_it_is_when_rows_are_added(reader):
    """What is added at the head moves nothing on the pages behind it."""
    await write(reader, minutes=range(4))
    first = await page(reader, first=2)
    await write(reader, minutes=[10, 11])

    second = await page(reader, first=2, after=pages.cursor(first.rows[-1]))

    assert [row.queued_at.minute for row in second.rows] == [1, 0]
    assert (second.has_previous, second.has_next) == (True, False)


@pytest.mark.parametrize("first", [-1, 0, 101, 2**31])
async def test_refuses_pages_of_no_size(reader, first):
    """A page has 1 to 100 rows."""
    with pytest.raises(BadPageError) as refused:
        await page(reader, first=first)

    assert refused.value.argument == "first"


@pytest.mark.parametrize(
    "cursor",
    [
        pytest.param("", id="empty"),
        pytest.param("x", id="short"),
        pytest.param("A" * 22, id="no row"),
        pytest.param("A" * 23, id="17 bytes"),
        pytest.param("é" * 22, id="not ASCII"),
        pytest.param("\ud800", id="lone surrogate"),
        pytest.param("\0", id="NUL"),
        pytest.param("=" * 22, id="padding"),
        pytest.param("A" * 10_000, id="10,000 characters"),
        pytest.param(base64.b64encode(b"x" * 16).decode(), id="unknown row"),
    ],
)
async def test_refuses_unknown_cursors(reader, cursor):
    """A cursor that names no row of the list is refused, whatever it looks like."""
    await write(reader, minutes=[0])

    with pytest.raises(BadPageError) as refused:
        await page(reader, after=cursor)

    assert refused.value.argument == "after"


async def test_refuses_cursors_of_other_lists(reader):
    """A cursor of another account's list is unknown in this one."""
    await factories.signed_up("bob@example.org")
    bobs = await Mail.get(recipient="bob@example.org")

    with pytest.raises(BadPageError) as refused:
        await page(reader, after=pages.cursor(bobs))

    assert refused.value.argument == "after"


async def test_writes_cursors_that_fit_into_addresses(reader):
    """A cursor is short and URL-safe."""
    await write(reader, minutes=[0])

    cursor = pages.cursor(await Mail.get())

    assert len(cursor) == 22
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
